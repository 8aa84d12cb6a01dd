/* R and the packages that it loads handle signals as if R had one thread. While it sleeps, or waits at
 * its prompt, R handles SIGINT by a jump back on the stack of whatever thread has got the signal
 * (R_SelectEx() in R's src/unix/sys-std.c); processx does not learn which process has ended when
 * another thread gets SIGCHLD, and waits for it for ever. The kernel may give a signal to any thread
 * that does not block it. A thread starts with the mask of the one that starts it. */

#include <R_ext/Utils.h>
#include "gangway.h"

#ifndef _WIN32
#include <signal.h>
#endif

/* Block R's signals in this thread, or let them through again. */
SEXP block_signals(SEXP block)
{
#ifndef _WIN32
    sigset_t of_r;
    sigemptyset(&of_r);
    sigaddset(&of_r, SIGINT);
    sigaddset(&of_r, SIGCHLD);
    pthread_sigmask(asLogical(block) ? SIG_BLOCK : SIG_UNBLOCK, &of_r, NULL);
#endif
    return R_NilValue;
}

/* Where the user has interrupted R while it could not be, it is now. */
SEXP take_interrupt(void)
{
    R_CheckUserInterrupt();
    return R_NilValue;
}
