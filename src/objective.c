/* objective.c - goals and constraints over the quantities of a point, and the judgement of a
 * trial's points by them (objective.h). */
#include "objective.h"
#include "expression.h"
#include "fail.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_TOLERANCE 0.02 /* a target within 2 % counts as met */
#define TINY 1e-300           /* keeps the logarithm of a quantity of 0 finite */

enum { LENGTH_MAX = 256 };

enum known { ACCURACY, LOSS, RUNTIME, PARAMS, FLOPS, KNOWN };
static const char *const known_names[KNOWN] = {"accuracy", "loss", "runtime", "params", "flops"};
static const enum expression_unit known_units[KNOWN] = {UNIT_SHARE, UNIT_NONE, UNIT_TIME,
                                                        UNIT_COUNT, UNIT_COUNT};

struct constraint {
    enum hpo_constraint kind;
    bool at_least; /* CAP: quantity >= limit, else <= */
    int quantity;
    double limit; /* in the quantity's base unit */
    char text[LENGTH_MAX];
};

struct goal {
    bool maximize;
    struct expression expression;
};

struct objective {
    int n_names;
    const char *name[KNOWN + POINT_MAX_EXTRA];
    char *columns; /* holds the names of the solver's columns */
    int n_goals, n_constraints;
    struct goal goal[TRIAL_MAX_OBJECTIVES];
    struct constraint constraint[TRIAL_MAX_CONSTRAINTS];
};

int objective_open(struct objective **out, const char *columns) {
    struct objective *objective = calloc(1, sizeof *objective);
    *out = objective;
    if (!objective || (columns && !(objective->columns = strdup(columns)))) {
        objective_free(objective);
        *out = NULL;
        return fail("out of memory for an objective");
    }
    for (; objective->n_names < KNOWN; objective->n_names++)
        objective->name[objective->n_names] = known_names[objective->n_names];
    char *rest;
    for (char *name = columns ? strtok_r(objective->columns, "|", &rest) : NULL; name;
         name = strtok_r(NULL, "|", &rest)) {
        assert(objective->n_names < KNOWN + POINT_MAX_EXTRA);
        objective->name[objective->n_names++] = name;
    }
    return 0;
}

void objective_free(struct objective *objective) {
    if (objective)
        free(objective->columns);
    free(objective);
}

/* ---- adding parts ---- */

int objective_add_goal(struct objective *objective, bool maximize, const char *text, int *column) {
    *column = 0;
    if (objective->n_goals == TRIAL_MAX_OBJECTIVES)
        return fail("more than %d goals", TRIAL_MAX_OBJECTIVES);
    struct goal *goal = &objective->goal[objective->n_goals];
    goal->maximize = maximize;
    if (expression_parse(&goal->expression, text, objective->name, objective->n_names, column))
        return -1;
    *column = 0;
    for (int i = 0; i < objective->n_goals; i++)
        if (strcmp(objective->goal[i].expression.text, goal->expression.text) == 0)
            return fail("'%s' is a goal already", goal->expression.text);
    objective->n_goals++;
    return 0;
}

/* The sign between the quantity and its limit. */
static int read_sign(const char **at, enum hpo_constraint kind, bool *at_least) {
    bool cap = strncmp(*at, "<=", 2) == 0 || strncmp(*at, ">=", 2) == 0;
    if (kind == HPO_CAP && !cap)
        return fail("'<=' or '>=' is expected here%s",
                    **at == '=' ? "; a 'target' is what asks for equality" : "");
    if (kind == HPO_TARGET && **at != '=')
        return fail("'=' is expected here%s", cap ? "; 'subject to' is what bounds" : "");
    *at_least = **at == '>';
    *at += kind == HPO_CAP ? 2 : 1;
    *at += strspn(*at, " \t\n");
    return 0;
}

static int check_limit(const struct constraint *c, const char *name, enum expression_unit unit,
                       const char *shown) {
    if (unit != UNIT_NONE && c->quantity >= KNOWN && unit != UNIT_COUNT)
        return fail("'%s' is a plain number, so '%s' has no meaning for it", name, shown);
    if (c->quantity >= KNOWN)
        return 0;
    static const char *const wanted[] = {[UNIT_NONE] = "a plain number",
                                         [UNIT_SHARE] = "a share in [0,1] or in %",
                                         [UNIT_TIME] = "a time in us, ms or s",
                                         [UNIT_COUNT] = "a count, in ones or K, M, G"};
    if (unit != UNIT_NONE && unit != known_units[c->quantity])
        return fail("%s is %s, not '%s'", name, wanted[known_units[c->quantity]], shown);
    if (c->limit <= 0)
        return fail("%s is above 0, so its limit must be", name);
    if (c->quantity == ACCURACY && c->limit > 1)
        return fail("accuracy is a share in [0,1]; did you mean '%s %%'?", shown);
    return 0;
}

static int parse_constraint(const struct objective *objective, struct constraint *c,
                            const char **at) {
    char shown[80];
    enum expression_unit unit;
    c->quantity = expression_name(at, objective->name, objective->n_names);
    if (c->quantity < 0 || read_sign(at, c->kind, &c->at_least))
        return -1;
    const char *number = *at;
    if (expression_number(at, &c->limit, &unit, shown, sizeof shown))
        return -1;
    if (**at)
        return fail("nothing more is expected here: a constraint bounds one quantity by one "
                    "number");
    *at = number;
    const char *name = objective->name[c->quantity];
    snprintf(c->text, sizeof c->text, "%s %s %s", name,
             c->kind == HPO_TARGET ? "="
             : c->at_least         ? ">="
                                   : "<=",
             shown);
    return check_limit(c, name, unit, shown);
}

int objective_add_constraint(struct objective *objective, enum hpo_constraint kind,
                             const char *text, int *column) {
    *column = 0;
    if (objective->n_constraints == TRIAL_MAX_CONSTRAINTS)
        return fail("more than %d constraints and targets", TRIAL_MAX_CONSTRAINTS);
    struct constraint *c = &objective->constraint[objective->n_constraints];
    c->kind = kind;
    const char *at = text + strspn(text, " \t\n");
    int status = parse_constraint(objective, c, &at);
    *column = (int)(at - text);
    for (int i = 0; !status && i < objective->n_constraints; i++)
        if (strcmp(objective->constraint[i].text, c->text) == 0)
            status = fail("'%s' is asked for already", c->text);
    if (!status)
        objective->n_constraints++;
    return status;
}

/* ---- what it consists of ---- */

int objective_goals(const struct objective *objective) {
    return objective->n_goals;
}

int objective_constraints(const struct objective *objective) {
    return objective->n_constraints;
}

enum hpo_constraint objective_constraint_kind(const struct objective *objective, int i) {
    return objective->constraint[i].kind;
}

const char *objective_goal_text(const struct objective *objective, int i) {
    return objective->goal[i].expression.text;
}

bool objective_maximizes(const struct objective *objective, int i) {
    return objective->goal[i].maximize;
}

const char *objective_constraint_text(const struct objective *objective, int i) {
    return objective->constraint[i].text;
}

double objective_shown(const struct objective *objective, int i, double minimised) {
    return objective->goal[i].maximize ? -minimised : minimised;
}

/* ---- judging ---- */

static void quantities_of(const struct objective *objective, const struct point *point,
                          double *quantity) {
    quantity[ACCURACY] = point->accuracy;
    quantity[LOSS] = point->loss;
    quantity[RUNTIME] = point->runtime;
    quantity[PARAMS] = point->params;
    quantity[FLOPS] = point->flops;
    for (int i = KNOWN; i < objective->n_names; i++)
        quantity[i] = point->extra[i - KNOWN];
}

/* What a method sees. The known quantities are positive, so their ratio to the limit counts; a
 * solver's own column may have any sign, so its distance does. */
static double constraint_value(const struct constraint *c, double quantity) {
    double value = c->quantity < KNOWN ? log(fmax(quantity, TINY) / c->limit) : quantity - c->limit;
    if (isnan(quantity))
        value = quantity;
    return c->at_least ? -value : value;
}

static double constraint_violation(const struct constraint *c, double quantity) {
    double excess = (quantity - c->limit) / (c->limit != 0 ? fabs(c->limit) : 1);
    if (c->kind == HPO_TARGET)
        return fabs(excess) <= TARGET_TOLERANCE ? 0 : fabs(excess);
    return fmax(0, c->at_least ? -excess : excess);
}

/* False when a number is not finite; then *culprit is the text of the part it belongs to. */
static bool measure(const struct objective *objective, const struct point *point,
                    struct result *result, double *violation, const char **culprit) {
    double quantity[KNOWN + POINT_MAX_EXTRA];
    quantities_of(objective, point, quantity);
    *result = (struct result){0};
    *violation = 0;
    for (int i = 0; i < objective->n_goals; i++) {
        const struct goal *goal = &objective->goal[i];
        double value = expression_value(&goal->expression, quantity);
        result->objective[i] = goal->maximize ? -value : value;
        *culprit = goal->expression.text;
        if (!isfinite(value))
            return false;
    }
    for (int i = 0; i < objective->n_constraints; i++) {
        const struct constraint *c = &objective->constraint[i];
        result->constraint[i] = constraint_value(c, quantity[c->quantity]);
        *violation += constraint_violation(c, quantity[c->quantity]);
        *culprit = objective->name[c->quantity];
        if (!isfinite(result->constraint[i]))
            return false;
    }
    return true;
}

static bool dominates(const struct result *a, const struct result *b, int n) {
    bool better = false;
    for (int i = 0; i < n; i++) {
        if (a->objective[i] > b->objective[i])
            return false;
        better |= a->objective[i] < b->objective[i];
    }
    return better;
}

static bool equals(const struct result *a, const struct result *b, int n) {
    for (int i = 0; i < n; i++)
        if (a->objective[i] != b->objective[i])
            return false;
    return true;
}

/* Adds a feasible result to a front and takes out what it dominates; the order stays. */
static void add_to_front(struct result *front, int *n_front, const struct result *result, int n) {
    for (int i = 0; i < *n_front; i++)
        if (dominates(&front[i], result, n) || equals(&front[i], result, n))
            return;
    int kept = 0;
    for (int i = 0; i < *n_front; i++)
        if (!dominates(result, &front[i], n))
            front[kept++] = front[i];
    front[kept] = *result;
    *n_front = kept + 1;
}

/* While no point is feasible, *least is the violation of front[0]; from then on 0. */
static void take_point(const struct objective *objective, const struct result *result,
                       double violation, struct result *front, int *n_front, double *least) {
    if (violation > 0) {
        bool as_good = violation == *least && result->objective[0] < front[0].objective[0];
        if (violation < *least || as_good) {
            front[0] = *result;
            *n_front = 1;
            *least = violation;
        }
        return;
    }
    if (*least > 0)
        *n_front = 0;
    *least = 0;
    add_to_front(front, n_front, result, objective->n_goals);
}

static int find_point(const struct objective *objective, const struct outcome *outcome,
                      const struct result *wanted) {
    for (int i = 0; i < outcome->count; i++) {
        struct result result;
        double violation;
        const char *culprit;
        if (outcome->point[i].final &&
            measure(objective, &outcome->point[i], &result, &violation, &culprit) &&
            memcmp(&result, wanted, sizeof result) == 0)
            return i;
    }
    return -1;
}

void objective_judge(const struct objective *objective, const struct outcome *outcome,
                     struct trial *trial, struct result *front, int *n_front, int *chosen) {
    bool any_final = false;
    const char *culprit = "";
    double least = INFINITY;
    *n_front = 0;
    *chosen = -1;
    for (int i = 0; i < outcome->count; i++) {
        struct result result;
        double violation;
        if (!outcome->point[i].final)
            continue;
        any_final = true;
        if (measure(objective, &outcome->point[i], &result, &violation, &culprit))
            take_point(objective, &result, violation, front, n_front, &least);
    }
    if (*n_front > 0) {
        trial->status = TRIAL_DONE;
        trial->result = front[0];
        trial->violation = least;
        *chosen = find_point(objective, outcome, &front[0]);
        return;
    }
    trial->status = TRIAL_INVALID;
    trial->result = (struct result){0};
    trial->violation = 0;
    if (any_final)
        snprintf(trial->detail, sizeof trial->detail, "no point with a finite %.150s", culprit);
    else
        snprintf(trial->detail, sizeof trial->detail, "the solver returned no final point");
}
