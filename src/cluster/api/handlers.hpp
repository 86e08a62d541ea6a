// What the routes do: each reads what it needs of its input, and asks the registry. Private to
// cluster/api/.
#pragma once

#include "cluster/api/routes.hpp"

namespace orrery::cluster::api {

Outcome<Output> list_vms(const Api& api, const Input& input);
Outcome<Output> create_vm(const Api& api, const Input& input);
Outcome<Output> show_vm(const Api& api, const Input& input);
Outcome<Output> change_vm(const Api& api, const Input& input);
Outcome<Output> remove_vm(const Api& api, const Input& input);
Outcome<Output> start_vm(const Api& api, const Input& input);
Outcome<Output> stop_vm(const Api& api, const Input& input);
Outcome<Output> reset_vm(const Api& api, const Input& input);
Outcome<Output> pause_vm(const Api& api, const Input& input);
Outcome<Output> resume_vm(const Api& api, const Input& input);
Outcome<Output> suspend_vm(const Api& api, const Input& input);
Outcome<Output> move_device(const Api& api, const Input& input);
Outcome<Output> release_vm(const Api& api, const Input& input);

Outcome<Output> list_device_models(const Api& api, const Input& input);
Outcome<Output> list_guests(const Api& api, const Input& input);

Outcome<Output> list_platforms(const Api& api, const Input& input);
Outcome<Output> join_platform(const Api& api, const Input& input);
Outcome<Output> show_platform(const Api& api, const Input& input);
Outcome<Output> remove_platform(const Api& api, const Input& input);
Outcome<Output> drain_platform(const Api& api, const Input& input);
Outcome<Output> open_platform(const Api& api, const Input& input);
Outcome<Output> make_join_token(const Api& api, const Input& input);

Outcome<Output> list_users(const Api& api, const Input& input);
Outcome<Output> create_user(const Api& api, const Input& input);
Outcome<Output> remove_user(const Api& api, const Input& input);
Outcome<Output> show_me(const Api& api, const Input& input);

Outcome<Output> list_events(const Api& api, const Input& input);
Outcome<Output> list_audit(const Api& api, const Input& input);

Outcome<Output> show_help(const Api& api, const Input& input);
Outcome<Output> show_openapi(const Api& api, const Input& input);

}  // namespace orrery::cluster::api
