/* Registers once; the exit status is what register said, or 99 in a process with more rights than
 * who started it. */
#include <sys/auxv.h>

#include "guest_heartbeat_api.h"

static void register_state(bool registered) { (void)registered; }

static void health_check(bool* health, GuestHeartbeatApiActionT* action, char log_msg[])
{
    (void)health;
    (void)action;
    (void)log_msg;
}

static void action_notify(
    int invocation_id, GuestHeartbeatApiEventT event, GuestHeartbeatApiNotifyTypeT notify_type)
{
    (void)invocation_id;
    (void)event;
    (void)notify_type;
}

int main(void)
{
    GuestHeartbeatApiCallbacksT callbacks = { register_state, health_check, action_notify };
    GuestHeartbeatApiInitDataT data = { "once", 400, 1, 1, 1, 1, GUEST_HEARTBEAT_API_ACTION_LOG };
    GuestApiErrorT error;

    guest_heartbeat_api_initialize(&callbacks);
    error = guest_heartbeat_api_register(&data);
    return getauxval(AT_SECURE) ? 99 : (int)error;
}
