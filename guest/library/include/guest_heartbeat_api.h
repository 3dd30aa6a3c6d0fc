/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program in a guest registers with the heartbeat client of that guest. It is then asked regularly
 * how it is, and before something is done to the guest whether it agrees. Link with
 * -lguest_heartbeat_api.
 *
 * A program
 *   1. calls initialize, once;
 *   2. calls register, and again a second later for as long as it returns GUEST_API_TRY_AGAIN;
 *   3. polls get_selobj for reading, and calls dispatch when it is readable. dispatch calls the
 *      callbacks; the callbacks may call any function of this header;
 *   4. goes back to 2 when register_state(false) was called: the client was stopped or restarted,
 *      or it refused;
 *   5. calls deregister and finalize before it exits. A program that goes without deregister has
 *      crashed, as far as the client can tell.
 *
 * No function waits for the client. Functions may be called from any thread, but not from a signal
 * handler, and not in a child after fork.
 */
#ifndef GUEST_HEARTBEAT_API_H
#define GUEST_HEARTBEAT_API_H

#include "guest_api_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of an application's name, its NUL included. */
#define GUEST_HEARTBEAT_API_APPLICATION_NAME_SIZE 40
/* Bytes of a log_msg, its NUL included. */
#define GUEST_HEARTBEAT_API_LOG_MSG_SIZE 192

/* What is to be done about a program that is not well. */
typedef enum {
    GUEST_HEARTBEAT_API_ACTION_UNKNOWN = 0,
    GUEST_HEARTBEAT_API_ACTION_NONE = 1,
    GUEST_HEARTBEAT_API_ACTION_REBOOT = 2,
    GUEST_HEARTBEAT_API_ACTION_STOP = 3,
    GUEST_HEARTBEAT_API_ACTION_LOG = 4
} GuestHeartbeatApiActionT;

/* What is about to happen to the guest, or has happened. */
typedef enum {
    /* One that this version of the client does not know. */
    GUEST_HEARTBEAT_API_EVENT_UNKNOWN = 0,
    GUEST_HEARTBEAT_API_EVENT_STOP = 1,
    GUEST_HEARTBEAT_API_EVENT_REBOOT = 2,
    GUEST_HEARTBEAT_API_EVENT_SUSPEND = 3,
    GUEST_HEARTBEAT_API_EVENT_PAUSE = 4,
    GUEST_HEARTBEAT_API_EVENT_UNPAUSE = 5,
    GUEST_HEARTBEAT_API_EVENT_RESUME = 6,
    GUEST_HEARTBEAT_API_EVENT_RESIZE_BEGIN = 7,
    GUEST_HEARTBEAT_API_EVENT_RESIZE_END = 8,
    GUEST_HEARTBEAT_API_EVENT_LIVE_MIGRATE_BEGIN = 9,
    GUEST_HEARTBEAT_API_EVENT_LIVE_MIGRATE_END = 10,
    GUEST_HEARTBEAT_API_EVENT_COLD_MIGRATE_BEGIN = 11,
    GUEST_HEARTBEAT_API_EVENT_COLD_MIGRATE_END = 12
} GuestHeartbeatApiEventT;

/* Whether the program may still say no. */
typedef enum {
    GUEST_HEARTBEAT_API_NOTIFY_TYPE_UNKNOWN = 0,
    /* A vote: it may. Answer with ACCEPT or REJECT. */
    GUEST_HEARTBEAT_API_NOTIFY_TYPE_REVOCABLE = 1,
    /* A notification: it happens anyway. Answer with COMPLETE once prepared. */
    GUEST_HEARTBEAT_API_NOTIFY_TYPE_IRREVOCABLE = 2
} GuestHeartbeatApiNotifyTypeT;

/* The program's answer to an event. */
typedef enum {
    GUEST_HEARTBEAT_API_VOTE_RESULT_UNKNOWN = 0,
    GUEST_HEARTBEAT_API_VOTE_RESULT_ACCEPT = 1,
    GUEST_HEARTBEAT_API_VOTE_RESULT_REJECT = 2,
    GUEST_HEARTBEAT_API_VOTE_RESULT_COMPLETE = 3
} GuestHeartbeatApiVoteResultT;

/* The program is registered now, or is so no more: the connection ended, or the client refused
 * (the interval is below 400 ms, or 16 programs are registered). */
typedef void (*GuestHeartbeatApiRegisterStateT)(bool registered);

/* How is the program? Each pointer may be written to: whether all is well (true before the call),
 * what to do about it if not (NONE before the call), and why, for people. log_msg has
 * GUEST_HEARTBEAT_API_LOG_MSG_SIZE bytes, all zero. Called once an interval; what it takes long
 * for, the client takes for silence. */
typedef void (*GuestHeartbeatApiHealthCheckT)(
    bool* health, GuestHeartbeatApiActionT* corrective_action, char log_msg[]);

/* A vote or a notification. Answer with send_action_response, here or later, but within the time
 * that the program registered with; silence agrees. */
typedef void (*GuestHeartbeatApiActionNotifyT)(
    int invocation_id, GuestHeartbeatApiEventT event, GuestHeartbeatApiNotifyTypeT notify_type);

/* What dispatch calls. None may be NULL. */
typedef struct {
    GuestHeartbeatApiRegisterStateT register_state;
    GuestHeartbeatApiHealthCheckT health_check;
    GuestHeartbeatApiActionNotifyT action_notify;
} GuestHeartbeatApiCallbacksT;

/* What a program registers with. */
typedef struct {
    /* For people, and to know the program again. Must have its NUL. */
    char application_name[GUEST_HEARTBEAT_API_APPLICATION_NAME_SIZE];
    /* Time between two health checks, at least 400. After two intervals of silence the client
     * reports the program with its corrective action. */
    int heartbeat_interval_ms;
    /* Time for a vote. */
    int vote_secs;
    /* Time to prepare for stop and reboot. */
    int shutdown_notice_secs;
    /* Time to prepare for suspend, pause, resize-begin and the *-migrate-begin. */
    int suspend_notice_secs;
    /* Time after unpause, resume, resize-end and the *-migrate-end. */
    int resume_notice_secs;
    /* What to do when the program is silent. */
    GuestHeartbeatApiActionT corrective_action;
} GuestHeartbeatApiInitDataT;

/* Says what to call; the struct is copied. FAILED: NULL, or a callback is missing. May be called
 * again to have other functions called. */
GuestApiErrorT guest_heartbeat_api_initialize(GuestHeartbeatApiCallbacksT* callbacks);

/* Closes without notice, and calls nothing more. Always OKAY. */
GuestApiErrorT guest_heartbeat_api_finalize(void);

/* Connects to the client and asks it to take the program; register_state says whether it did. While
 * connected it registers anew, with other values. TRY_AGAIN: there is no client; INTERRUPTED: a
 * signal came first; FAILED: not initialized, a name without NUL, a negative number, an action that
 * there is not, or a socket that this user may not use. */
GuestApiErrorT guest_heartbeat_api_register(GuestHeartbeatApiInitDataT* init_data);

/* Leaves on purpose, and closes. log_msg says why; of a longer one the first
 * GUEST_HEARTBEAT_API_LOG_MSG_SIZE - 1 bytes count. FAILED: not connected, or NULL. */
GuestApiErrorT guest_heartbeat_api_deregister(char log_msg[]);

/* Answers an action_notify; the first three are what it was called with. log_msg says why, is cut as
 * deregister's, and may be empty. FAILED: as deregister, or a number that is not of its enumeration. */
GuestApiErrorT guest_heartbeat_api_send_action_response(
    int invocation_id,
    GuestHeartbeatApiEventT event,
    GuestHeartbeatApiNotifyTypeT notify_type,
    GuestHeartbeatApiVoteResultT vote_result,
    char log_msg[]);

/* The descriptor to poll or select for reading; -1 while not connected. It changes with each
 * connection: ask for it before each poll. Only to be polled, not read, written or closed. */
int guest_heartbeat_api_get_selobj(void);

/* Reads what has come and calls the callbacks for it. Waits for nothing else; a selobj of an earlier
 * connection does nothing. */
void guest_heartbeat_api_dispatch(int selobj);

/* Words for people, never freed. 0 is unknown; other numbers that there are not: action-???,
 * event-???, notify-???, vote-result-???. */
const char* guest_heartbeat_api_action_str(GuestHeartbeatApiActionT action);
const char* guest_heartbeat_api_event_str(GuestHeartbeatApiEventT event);
const char* guest_heartbeat_api_notify_str(GuestHeartbeatApiNotifyTypeT notify_type);
const char* guest_heartbeat_api_vote_result_str(GuestHeartbeatApiVoteResultT vote_result);

#ifdef __cplusplus
}
#endif

#endif
