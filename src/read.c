/* R's unserialize() for bytes that Python holds: as a raw vector they would be in memory twice. */

#include <string.h>
#include <stdint.h>
#include "gangway.h"

typedef struct {
    const unsigned char *at, *end;
    const double *addresses, *sizes; /* of the pieces that follow */
    R_xlen_t left;
} place;

static void in_bytes(R_inpstream_t stream, void *to, int count)
{
    place *here = stream->data;
    while (count > 0) {
        if (here->at == here->end) {
            if (here->left-- <= 0)
                error("the bytes end within an object");
            here->at = (const unsigned char *) (uintptr_t) *here->addresses++;
            here->end = here->at + (size_t) *here->sizes++;
            continue;
        }
        int n = here->end - here->at < count ? (int) (here->end - here->at) : count;
        memcpy(to, here->at, n);
        here->at += n;
        to = (char *) to + n;
        count -= n;
    }
}

static int in_char(R_inpstream_t stream)
{
    unsigned char byte;
    in_bytes(stream, &byte, 1);
    return byte;
}

/* What R's function for references says of one. */
static SEXP in_hook(SEXP names, SEXP hook)
{
    SEXP call = PROTECT(lang2(hook, names));
    SEXP value = eval(call, R_GlobalEnv);
    UNPROTECT(1);
    return value;
}

/* The object whose serialization is at addresses, piece after piece; they and the sizes are doubles, which
 * hold any address exactly. `hook` is unserialize()'s refhook, or NULL. */
SEXP read_at(SEXP addresses, SEXP sizes, SEXP hook)
{
    place here;
    struct R_inpstream_st stream;
    here.at = here.end = NULL;
    here.addresses = REAL(addresses);
    here.sizes = REAL(sizes);
    here.left = XLENGTH(addresses);
    R_InitInPStream(&stream, &here, R_pstream_any_format, in_char, in_bytes,
                    isNull(hook) ? NULL : in_hook, hook);
    return R_Unserialize(&stream);
}

/* Where the numbers of a vector are, and how many bytes: NULL of one that has none in memory, such as 1:1e9. */
SEXP numbers_of(SEXP x)
{
    const void *at = NULL;
    double width = 0;
    if (ALTREP(x))
        return R_NilValue;
    switch (TYPEOF(x)) {
    case LGLSXP: at = LOGICAL(x); width = sizeof(int); break;
    case INTSXP: at = INTEGER(x); width = sizeof(int); break;
    case REALSXP: at = REAL(x); width = sizeof(double); break;
    case RAWSXP: at = RAW(x); width = 1; break;
    default: return R_NilValue;
    }
    SEXP place = allocVector(REALSXP, 2);
    REAL(place)[0] = (double) (uintptr_t) at;
    REAL(place)[1] = (double) XLENGTH(x) * width;
    return place;
}
