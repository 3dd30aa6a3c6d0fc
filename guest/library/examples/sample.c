/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program that registers with the heartbeat client, says how it is and votes. It prints what
 * happens, a line each, and does on SIGTERM what a good program does: it deregisters.
 *
 *   sample [--name NAME] [--interval MS] [--reject REASON] [--unhealthy REASON] [--crash-at EVENT]
 *
 *   --reject     votes no, for this reason
 *   --unhealthy  is not well, for this reason, and wants to be logged
 *   --crash-at   dies when it is asked about this event: live-migrate-begin and the like
 *
 *   cc sample.c $(pkg-config --cflags --libs guest_heartbeat_api guest_common_api) -o sample
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest_api_debug.h"
#include "guest_heartbeat_api.h"

static volatile sig_atomic_t stopping = 0;
static bool connected = false;
static const char* reject = NULL;
static const char* unhealthy = NULL;
static const char* crash_at = NULL;

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

static void register_state(bool registered)
{
    printf("registered: %s\n", registered ? "yes" : "no");
    connected = registered;
}

static void health_check(bool* health, GuestHeartbeatApiActionT* corrective_action, char log_msg[])
{
    *health = unhealthy == NULL;
    *corrective_action = unhealthy ? GUEST_HEARTBEAT_API_ACTION_LOG : GUEST_HEARTBEAT_API_ACTION_NONE;
    snprintf(log_msg, GUEST_HEARTBEAT_API_LOG_MSG_SIZE, "%s", unhealthy ? unhealthy : "");
    printf("asked how it is: %s\n", unhealthy ? "unhealthy" : "healthy");
}

static void action_notify(
    int invocation_id, GuestHeartbeatApiEventT event, GuestHeartbeatApiNotifyTypeT notify_type)
{
    GuestHeartbeatApiVoteResultT result = GUEST_HEARTBEAT_API_VOTE_RESULT_COMPLETE;
    char log_msg[GUEST_HEARTBEAT_API_LOG_MSG_SIZE] = "";
    const char* word = guest_heartbeat_api_event_str(event);
    GuestApiErrorT error;

    if (crash_at != NULL && strcmp(crash_at, word) == 0) {
        printf("asked about %s: crashes\n", word);
        fflush(stdout);
        raise(SIGKILL);
    }
    if (notify_type == GUEST_HEARTBEAT_API_NOTIFY_TYPE_REVOCABLE) {
        result = reject ? GUEST_HEARTBEAT_API_VOTE_RESULT_REJECT
                        : GUEST_HEARTBEAT_API_VOTE_RESULT_ACCEPT;
        snprintf(log_msg, sizeof log_msg, "%s", reject ? reject : "");
    }
    error = guest_heartbeat_api_send_action_response(
        invocation_id, event, notify_type, result, log_msg);
    printf("asked about %s (%s): %s, %s\n", word, guest_heartbeat_api_notify_str(notify_type),
           guest_heartbeat_api_vote_result_str(result), guest_api_error_str(error));
}

/* Until the client is there, or a signal says stop. False: it can never be. */
static bool register_program(GuestHeartbeatApiInitDataT* data)
{
    GuestApiErrorT error;

    while (!stopping) {
        error = guest_heartbeat_api_register(data);
        if (error == GUEST_API_OKAY) {
            connected = true; /* until register_state says otherwise */
            return true;
        }
        if (error != GUEST_API_TRY_AGAIN && error != GUEST_API_INTERRUPTED) {
            fprintf(stderr, "cannot register: %s\n", guest_api_error_str(error));
            return false;
        }
        poll(NULL, 0, 200);
    }
    return true;
}

static bool live(GuestHeartbeatApiInitDataT* data)
{
    struct pollfd ready = { -1, POLLIN, 0 };

    while (!stopping) {
        if (!connected && !register_program(data)) {
            return false;
        }
        ready.fd = guest_heartbeat_api_get_selobj();
        /* A signal just before poll is seen a second later. */
        if (poll(&ready, 1, 1000) > 0) {
            guest_heartbeat_api_dispatch(ready.fd);
        }
        if (!connected && !stopping) {
            poll(NULL, 0, 200); /* A client that refuses is not asked again at once. */
        }
    }
    return true;
}

static void read_arguments(int count, char* arguments[], GuestHeartbeatApiInitDataT* data)
{
    int at;

    for (at = 1; at + 1 < count; at += 2) {
        const char* value = arguments[at + 1];
        if (strcmp(arguments[at], "--name") == 0) {
            snprintf(data->application_name, sizeof data->application_name, "%s", value);
        } else if (strcmp(arguments[at], "--interval") == 0) {
            data->heartbeat_interval_ms = atoi(value);
        } else if (strcmp(arguments[at], "--reject") == 0) {
            reject = value;
        } else if (strcmp(arguments[at], "--unhealthy") == 0) {
            unhealthy = value;
        } else if (strcmp(arguments[at], "--crash-at") == 0) {
            crash_at = value;
        } else {
            break;
        }
    }
    if (at < count) {
        fprintf(stderr, "%s: unknown, or without its value\n", arguments[at]);
        exit(2);
    }
}

int main(int count, char* arguments[])
{
    GuestHeartbeatApiInitDataT data = {
        "sample", 1000, 5, 5, 5, 5, GUEST_HEARTBEAT_API_ACTION_LOG
    };
    GuestHeartbeatApiCallbacksT callbacks = { register_state, health_check, action_notify };
    struct sigaction action;
    char bye[] = "told to stop";
    bool lived;

    setvbuf(stdout, NULL, _IOLBF, 0);
    read_arguments(count, arguments, &data);
    memset(&action, 0, sizeof action);
    action.sa_handler = stop;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    if (guest_heartbeat_api_initialize(&callbacks) != GUEST_API_OKAY) {
        return EXIT_FAILURE;
    }
    lived = live(&data);
    if (connected) {
        printf("deregistered: %s\n", guest_api_error_str(guest_heartbeat_api_deregister(bye)));
    }
    guest_heartbeat_api_finalize();
    return lived ? EXIT_SUCCESS : EXIT_FAILURE;
}
