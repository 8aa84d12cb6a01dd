/* While it sleeps, or waits at its prompt, R handles SIGINT by a jump back on the stack of whatever
 * thread has got the signal (R_SelectEx() in R's src/unix/sys-std.c); and the kernel may give it to any
 * thread that does not block it. A thread starts with the mask of the one that starts it. */

#include <R.h>
#include <Rinternals.h>
#include <R_ext/Rdynload.h>

#ifndef _WIN32
#include <signal.h>
#endif

/* Block SIGINT in this thread, or let it through again. */
static SEXP block_interrupts(SEXP block)
{
#ifndef _WIN32
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(asLogical(block) ? SIG_BLOCK : SIG_UNBLOCK, &interrupt, NULL);
#endif
    return R_NilValue;
}

static const R_CallMethodDef calls[] = {
    {"block_interrupts", (DL_FUNC) &block_interrupts, 1},
    {NULL, NULL, 0}
};

void R_init_gangway(DllInfo *dll)
{
    R_registerRoutines(dll, NULL, calls, NULL, NULL);
    R_useDynamicSymbols(dll, FALSE);
}
