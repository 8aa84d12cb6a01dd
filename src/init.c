#include <R_ext/Rdynload.h>
#include "gangway.h"

static const R_CallMethodDef calls[] = {
    {"block_signals", (DL_FUNC) &block_signals, 1},
    {"numbers_of", (DL_FUNC) &numbers_of, 1},
    {"read_at", (DL_FUNC) &read_at, 3},
    {"take_interrupt", (DL_FUNC) &take_interrupt, 0},
    {NULL, NULL, 0}
};

void R_init_gangway(DllInfo *dll)
{
    R_registerRoutines(dll, NULL, calls, NULL, NULL);
    R_useDynamicSymbols(dll, FALSE);
}
