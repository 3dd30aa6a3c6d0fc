/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the C libraries of the guest have in common.
 */
#ifndef GUEST_API_TYPES_H
#define GUEST_API_TYPES_H

#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What a function returns. */
typedef enum {
    /* It is done. */
    GUEST_API_OKAY = 0,
    /* Wrong arguments, a wrong order of calls, or an error of the system: the same call fails again. */
    GUEST_API_FAILED = 1,
    /* A signal came first and nothing was done. */
    GUEST_API_INTERRUPTED = 2,
    /* The client of the guest is not there; it may be later. */
    GUEST_API_TRY_AGAIN = 3
} GuestApiErrorT;

#ifdef __cplusplus
}
#endif

#endif
