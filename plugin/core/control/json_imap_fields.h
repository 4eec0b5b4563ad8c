#pragma once
// The keys that JSON has for the structs of imap_status.h.

#include "core/control/imap_status.h"
#include "core/control/json_fields.h"

namespace mailpool::control {

template <class V, Of<ImapCounts> S>
void fields(V& v, S& s) {
  v.field("created", s.created);
  v.field("reused", s.reused);
  v.field("logins_refused", s.logins_refused);
  v.field("discarded", s.discarded);
}

template <class V, Of<ImapUserStatus> S>
void fields(V& v, S& s) {
  v.field("profile", s.profile);
  v.field("user", s.user);
  v.field("authzid", s.authzid);
  v.field("state", s.state);
  v.field("active", s.active);
  v.field("waiting", s.waiting);
  v.field("idle", s.idle);
  v.field("resetting", s.resetting);
  v.field("checking", s.checking);
  v.field("login", s.login);
  v.field("closing", s.closing);
  v.field("pool_size", s.pool_size);
  v.field("longest_wait", s.longest_wait);
  v.field("created", s.created);
  v.field("reused", s.reused);
  v.field("logins_refused", s.logins_refused);
  v.field("discarded", s.discarded);
  v.field("last_error", s.last_error);
}

template <class V, Of<ImapServerStatus> S>
void fields(V& v, S& s) {
  v.field("server", s.server);
  v.field("state", s.state);
  v.field("last_error", s.last_error);
  v.field("certificate_until", s.certificate_until);
}

template <class V, Of<ImapProfileStatus> S>
void fields(V& v, S& s) {
  v.field("profile", s.profile);
  v.field("state", s.state);
  v.field("servers", s.servers);
  v.field("clients", s.clients);
  v.field("max_clients", s.max_clients);
  v.field("waiting", s.waiting);
  v.field("connections", s.connections);
  v.field("max_connections", s.max_connections);
  v.field("active", s.active);
  v.field("idle", s.idle);
  v.field("resetting", s.resetting);
  v.field("checking", s.checking);
  v.field("login", s.login);
  v.field("closing", s.closing);
  v.field("counts", s.counts);
}

template <class V, Of<ImapStatus> S>
void fields(V& v, S& s) {
  v.field("profiles", s.profiles);
  v.field("users", s.users);
  v.field("users_known", s.users_known);
  v.field("forgotten", s.forgotten);
  v.field("peers_refused", s.peers_refused);
}

template <class V, Of<ImapConnectionStatus> S>
void fields(V& v, S& s) {
  v.field("id", s.id);
  v.field("profile", s.profile);
  v.field("user", s.user);
  v.field("server", s.server);
  v.field("address", s.address);
  v.field("state", s.state);
  v.field("age", s.age);
  v.field("in_state", s.in_state);
  v.field("uses", s.uses);
  v.field("pid", s.pid);
  v.field("doing", s.doing);
}

}  // namespace mailpool::control
