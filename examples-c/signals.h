/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Signals that end a command when what it made is removed. Shared by the examples. */

#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <string.h>

/* The signal that came first. The library reads it between its steps (`cancel` of the options). */
static volatile int interrupted;
/* Ctrl-C once more: do not wait for the removal. */
static volatile sig_atomic_t again;

static void on_signal(int number)
{
    if (interrupted != 0 && number == SIGINT)
        again = 1;
    if (interrupted == 0)
        interrupted = number;
}

/* Notes signals instead of dying of them, so that nothing stays behind. SIGPIPE is one of them:
 * "copy_tree -v ... | head" must not leave half a tree either. */
static inline void catch_signals(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM};
    struct sigaction action, before;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        /* One that was ignored before (nohup, a shell's "&") stays so. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

/* Dies of the signal after all: a shell ends a loop only if Ctrl-C killed what it ran. */
static inline void die_of(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

#endif
