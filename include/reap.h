/* reap.h - processes that a program is answerable for, ended for certain.
 *
 * A process that calls reap_adopt becomes the parent of every descendant whose own parent has
 * ended, however it detached itself; so killing children until there are none leaves no descendant.
 * What survives when the program itself is killed carries a mark in its environment, by which the
 * next start finds it. Linux only (/proc, sub-reapers). */
#ifndef NASTUNE_REAP_H
#define NASTUNE_REAP_H

#include <sys/types.h>

/* From now on orphaned descendants become children of this process. */
void reap_adopt(void);

/* Kills every child but `spare` (n), and what they leave behind, until none is left; gives up after
 * a few seconds on one that the kernel does not let go. */
void reap_children(const pid_t *spare, int n);

/* Kills every process whose environment, as it was started with, has "name=value" ("NAME=value" as
 * one text); never this one. Returns how many there were. */
int reap_marked(const char *assignment);

#endif
