#include <R.h>
#include <Rinternals.h>

SEXP block_signals(SEXP block);
SEXP read_at(SEXP address, SEXP size, SEXP hook);
