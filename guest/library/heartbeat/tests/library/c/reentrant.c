/* Calls functions from the callbacks that dispatch is in the middle of. */
#include <poll.h>
#include <stdio.h>

#include "guest_heartbeat_api.h"

static GuestHeartbeatApiInitDataT data = {
    "reentrant", 400, 1, 1, 1, 1, GUEST_HEARTBEAT_API_ACTION_LOG
};
static int checks = 0;

/* Registers again at once. */
static void register_state(bool registered)
{
    printf("registered: %s\n", registered ? "yes" : "no");
    if (!registered) {
        printf("again: %d\n", (int)guest_heartbeat_api_register(&data));
    }
}

/* Dispatches again, and the second time leaves and comes back before it answers. */
static void health_check(bool* health, GuestHeartbeatApiActionT* action, char log_msg[])
{
    char bye[] = "in between";

    (void)action;
    (void)log_msg;
    *health = true;
    guest_heartbeat_api_dispatch(guest_heartbeat_api_get_selobj());
    if (++checks == 2) {
        guest_heartbeat_api_deregister(bye);
        guest_heartbeat_api_register(&data);
    }
}

/* Ends it all. */
static void action_notify(
    int invocation_id, GuestHeartbeatApiEventT event, GuestHeartbeatApiNotifyTypeT notify_type)
{
    (void)invocation_id;
    (void)event;
    (void)notify_type;
    guest_heartbeat_api_finalize();
}

int main(void)
{
    GuestHeartbeatApiCallbacksT callbacks = { register_state, health_check, action_notify };
    struct pollfd ready = { -1, POLLIN, 0 };

    setvbuf(stdout, NULL, _IOLBF, 0);
    guest_heartbeat_api_initialize(&callbacks);
    guest_heartbeat_api_register(&data);
    while ((ready.fd = guest_heartbeat_api_get_selobj()) != -1) {
        poll(&ready, 1, -1);
        guest_heartbeat_api_dispatch(ready.fd);
    }
    return 0;
}
