/* R's unserialize() for bytes that Python holds: as a raw vector they would be in memory twice. */

#include <string.h>
#include <stdint.h>
#include "gangway.h"

typedef struct {
    const unsigned char *at, *end;
} place;

static void in_bytes(R_inpstream_t stream, void *to, int count)
{
    place *here = stream->data;
    if (count > here->end - here->at)
        error("the bytes end within an object");
    memcpy(to, here->at, count);
    here->at += count;
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

/* The object whose serialization is at an address; both are doubles, which hold any address exactly.
 * `hook` is unserialize()'s refhook, or NULL. */
SEXP read_at(SEXP address, SEXP size, SEXP hook)
{
    place here;
    struct R_inpstream_st stream;
    here.at = (const unsigned char *) (uintptr_t) asReal(address);
    here.end = here.at + (size_t) asReal(size);
    R_InitInPStream(&stream, &here, R_pstream_any_format, in_char, in_bytes,
                    isNull(hook) ? NULL : in_hook, hook);
    return R_Unserialize(&stream);
}
