#include <R.h>
#include <Rinternals.h>

SEXP block_signals(SEXP block);
SEXP numbers_of(SEXP x);
SEXP read_at(SEXP addresses, SEXP sizes, SEXP hook);
SEXP take_interrupt(void);
