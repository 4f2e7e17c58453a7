/* history.h - what a method has asked and been told: the whole of its memory, so that a replay of
 * the calls brings back the method. */
#ifndef NASTUNE_HPO_HISTORY_H
#define NASTUNE_HPO_HISTORY_H

#include "hpo.h"

struct record {
    double x[SPACE_MAX_DIMS]; /* canonical */
    double fidelity;
    int parent; /* -1: none */
    char origin[TRIAL_ORIGIN_MAX];
    bool ok; /* told DONE with finite objectives and constraints */
    double objective[TRIAL_MAX_OBJECTIVES];
    double constraint[TRIAL_MAX_CONSTRAINTS];
    double violation; /* 0: feasible; INFINITY when not ok */
};

struct history {
    const struct hpo_task *task;
    struct record *record; /* (asked) by trial id */
    int asked, told, room; /* trials are told in order: those before `told` are known */
    double *archive;       /* (archived, n_objectives) see history_archive */
    int archived, archive_room;
    bool lost; /* memory ran out: the history has a hole and must not be modelled */
};

void history_open(struct history *history, const struct hpo_task *task);
void history_asked(struct history *history, const struct trial *trial);
void history_tell(struct history *history, const struct trial *trial);
void history_close(struct history *history);

/* Adds the feasible, non-dominated points of a told trial to the archive of all such points, and
 * drops what they dominate. For methods with several objectives; call it after history_tell. */
void history_archive(struct history *history, const struct trial *trial, const struct result *front,
                     int n_front);

/* Whether a trial of this x (canonical) has been asked, at any fidelity. O(asked). */
bool history_has(const struct history *history, const double *x);

/* Whether every trial of a finite space has been asked. */
bool history_exhausted(const struct history *history);

/* Whether a (n) is nowhere worse than b and somewhere better. */
bool history_dominates(int n, const double *a, const double *b);

/* The better of two known trials: ok before failed, then the smaller violation, then the smaller
 * first objective. */
bool history_better(const struct record *a, const struct record *b);

/* The best known trial, or -1 when none is ok. */
int history_best(const struct history *history);

#endif
