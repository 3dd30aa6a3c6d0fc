/* Every wrong call that a program can make. Ends with 0, or prints the check that failed. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest_api_debug.h"
#include "guest_heartbeat_api.h"

#define CHECK(condition)                                          \
    do {                                                          \
        if (!(condition)) {                                       \
            printf("line %d: %s\n", __LINE__, #condition);        \
            exit(1);                                              \
        }                                                         \
    } while (0)
#define OKAY(call) CHECK((call) == GUEST_API_OKAY)
#define FAILED(call) CHECK((call) == GUEST_API_FAILED)

static int registrations = 0;
static int asked = 0;

static void register_state(bool registered) { registrations += registered ? 1 : -1; }

static void health_check(bool* health, GuestHeartbeatApiActionT* action, char log_msg[])
{
    *health = false;
    *action = (GuestHeartbeatApiActionT)77;
    memset(log_msg, 'x', GUEST_HEARTBEAT_API_LOG_MSG_SIZE);
}

static void action_notify(
    int invocation_id, GuestHeartbeatApiEventT event, GuestHeartbeatApiNotifyTypeT notify_type)
{
    char empty[] = "";
    char too_long[300];

    memset(too_long, 'x', sizeof too_long);
    FAILED(guest_heartbeat_api_send_action_response(
        invocation_id, event, notify_type, GUEST_HEARTBEAT_API_VOTE_RESULT_ACCEPT, NULL));
    FAILED(guest_heartbeat_api_send_action_response(
        invocation_id, (GuestHeartbeatApiEventT)13, notify_type,
        GUEST_HEARTBEAT_API_VOTE_RESULT_ACCEPT, empty));
    FAILED(guest_heartbeat_api_send_action_response(
        invocation_id, event, (GuestHeartbeatApiNotifyTypeT)-1,
        GUEST_HEARTBEAT_API_VOTE_RESULT_ACCEPT, empty));
    FAILED(guest_heartbeat_api_send_action_response(
        invocation_id, event, notify_type, (GuestHeartbeatApiVoteResultT)4, empty));
    FAILED(guest_heartbeat_api_deregister(NULL));
    OKAY(guest_heartbeat_api_send_action_response(
        invocation_id, event, notify_type, GUEST_HEARTBEAT_API_VOTE_RESULT_REJECT, too_long));
    asked = 1;
}

static GuestHeartbeatApiInitDataT good(void)
{
    GuestHeartbeatApiInitDataT data = { "misuse", 400, 1, 1, 1, 1, GUEST_HEARTBEAT_API_ACTION_LOG };
    return data;
}

static void before_initialize(void)
{
    GuestHeartbeatApiInitDataT data = good();
    GuestHeartbeatApiCallbacksT missing[3] = {
        { NULL, health_check, action_notify },
        { register_state, NULL, action_notify },
        { register_state, health_check, NULL },
    };
    char bye[] = "bye";
    int at;

    FAILED(guest_heartbeat_api_initialize(NULL));
    for (at = 0; at < 3; at++) {
        FAILED(guest_heartbeat_api_initialize(&missing[at]));
    }
    FAILED(guest_heartbeat_api_register(&data));
    FAILED(guest_heartbeat_api_deregister(bye));
    CHECK(guest_heartbeat_api_get_selobj() == -1);
    guest_heartbeat_api_dispatch(-1);
    OKAY(guest_heartbeat_api_finalize());
}

static void wrong_init_data(void)
{
    GuestHeartbeatApiInitDataT data = good();

    FAILED(guest_heartbeat_api_register(NULL));
    memset(data.application_name, 'a', sizeof data.application_name);
    FAILED(guest_heartbeat_api_register(&data));
    data = good();
    data.heartbeat_interval_ms = -1;
    FAILED(guest_heartbeat_api_register(&data));
    data = good();
    data.corrective_action = (GuestHeartbeatApiActionT)5;
    FAILED(guest_heartbeat_api_register(&data));
}

static void without_connection(void)
{
    char bye[] = "bye";

    FAILED(guest_heartbeat_api_deregister(bye));
    FAILED(guest_heartbeat_api_send_action_response(
        1, GUEST_HEARTBEAT_API_EVENT_STOP, GUEST_HEARTBEAT_API_NOTIFY_TYPE_REVOCABLE,
        GUEST_HEARTBEAT_API_VOTE_RESULT_ACCEPT, bye));
    CHECK(guest_heartbeat_api_get_selobj() == -1);
    guest_heartbeat_api_dispatch(-1);
    guest_heartbeat_api_dispatch(0);
    guest_heartbeat_api_dispatch(4711);
    CHECK(registrations == 0);
}

static void wait_for(short events)
{
    struct pollfd ready = { guest_heartbeat_api_get_selobj(), 0, 0 };
    ready.events = events;
    CHECK(poll(&ready, 1, 60000) == 1);
}

static void after_the_client_left(void)
{
    char text[] = "late";
    int selobj = guest_heartbeat_api_get_selobj();

    wait_for(0); /* for the hang-up */
    FAILED(guest_heartbeat_api_send_action_response(
        1, GUEST_HEARTBEAT_API_EVENT_STOP, GUEST_HEARTBEAT_API_NOTIFY_TYPE_REVOCABLE,
        GUEST_HEARTBEAT_API_VOTE_RESULT_ACCEPT, text));
    guest_heartbeat_api_dispatch(selobj + 1);
    CHECK(registrations == 1);
    guest_heartbeat_api_dispatch(selobj);
    CHECK(registrations == 0);
    guest_heartbeat_api_dispatch(selobj);
    CHECK(registrations == 0);
    without_connection();
}

static void no_client(void)
{
    GuestHeartbeatApiInitDataT data = good();
    char too_long[300];

    setenv("GUEST_HEARTBEAT_API_SOCKET", "/nonexistent/api", 1);
    CHECK(guest_heartbeat_api_register(&data) == GUEST_API_TRY_AGAIN);
    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    setenv("GUEST_HEARTBEAT_API_SOCKET", too_long, 1);
    FAILED(guest_heartbeat_api_register(&data));
    without_connection();
}

int main(void)
{
    GuestHeartbeatApiCallbacksT callbacks = { register_state, health_check, action_notify };
    GuestHeartbeatApiInitDataT data = good();
    char* client = strdup(getenv("GUEST_HEARTBEAT_API_SOCKET"));

    setvbuf(stdout, NULL, _IOLBF, 0);
    before_initialize();
    OKAY(guest_heartbeat_api_initialize(&callbacks));
    wrong_init_data();
    without_connection();
    no_client();

    setenv("GUEST_HEARTBEAT_API_SOCKET", client, 1);
    free(client);
    OKAY(guest_heartbeat_api_register(&data));
    while (!asked) {
        wait_for(POLLIN);
        guest_heartbeat_api_dispatch(guest_heartbeat_api_get_selobj());
    }
    after_the_client_left();
    OKAY(guest_heartbeat_api_finalize());
    OKAY(guest_heartbeat_api_finalize());
    return 0;
}
