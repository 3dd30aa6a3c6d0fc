/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * For people who look for a mistake. Link with -lguest_common_api.
 */
#ifndef GUEST_API_DEBUG_H
#define GUEST_API_DEBUG_H

#include "guest_api_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A word for an error: okay, failed, interrupted, try-again; error-??? for any other number. It is
 * never freed. */
const char* guest_api_error_str(GuestApiErrorT error);

#ifdef __cplusplus
}
#endif

#endif
