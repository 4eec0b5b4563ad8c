#include "milter/callbacks.h"

#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <memory>

namespace mailpool::milter {
namespace {

struct Service {
  Shared const* shared = nullptr;
  Gate* gate = nullptr;
};
Service& service() {
  static Service one;
  return one;
}

/// One connection's state; libmilter keeps the pointer, and calls for one connection come one after
/// the other, though on different threads.
struct Connection {
  Session session{*service().shared, *service().gate};
  // What the MTA agreed to be given no answer to.
  bool is_mute_on_connect = false;
  bool is_mute_on_mail = false;
  bool is_mute_on_header = false;
};

Connection* connection_of(SMFICTX* context) {
  return static_cast<Connection*>(smfi_getpriv(context));
}

// No exception may cross into C: what a callback cannot do (memory, that is) is worth a later try.
template <class Work>
sfsistat guarded(SMFICTX* context, Work work) {
  auto* const connection = connection_of(context);
  if (connection == nullptr) return SMFIS_TEMPFAIL;
  try {
    return work(*connection);
  } catch (...) {
    return SMFIS_TEMPFAIL;
  }
}

char* mutable_text(char const* text) {
  return const_cast<char*>(text);  // libmilter takes char* and does not write
}

std::string_view macro(SMFICTX* context, char const* name) {
  char const* const value = smfi_getsymval(context, mutable_text(name));
  return value != nullptr ? std::string_view(value) : std::string_view();
}

sfsistat say(SMFICTX* context, Reply const& reply) {
  if (reply.kind == Reply::Kind::Continue) return SMFIS_CONTINUE;
  bool const is_tempfail = reply.kind == Reply::Kind::Tempfail;
  // In libmilter's replies % is special, and a line has 980 octets at most.
  auto text = reply.text.substr(0, 900);
  for (std::size_t at = 0; (at = text.find('%', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '%');
  smfi_setreply(context, mutable_text(is_tempfail ? "451" : "554"),
                mutable_text(is_tempfail ? "4.7.1" : "5.6.0"), text.data());
  return is_tempfail ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

std::optional<IpAddress> address_of(_SOCK_ADDR const* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    std::array<std::uint8_t, 4> octets{};
    std::memcpy(octets.data(), &v4.sin_addr, octets.size());
    return IpAddress::v4(octets);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
    return IpAddress::v6(octets);
  }
  return std::nullopt;
}

// Postfix's cleanup pretends a connection from the machine itself, from port 0, for what
// sendmail(1) handed in; no real one has that port.
bool is_pretended(_SOCK_ADDR const* address) {
  if (address == nullptr) return true;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (address->sa_family == AF_INET) {
    std::memcpy(&v4, address, sizeof v4);
    return v4.sin_port == 0;
  }
  if (address->sa_family == AF_INET6) {
    std::memcpy(&v6, address, sizeof v6);
    return v6.sin6_port == 0;
  }
  return false;
}

sfsistat on_negotiate(SMFICTX* context, unsigned long actions, unsigned long steps, unsigned long,
                      unsigned long, unsigned long* used_actions, unsigned long* used_steps,
                      unsigned long* unused1, unsigned long* unused2) {
  auto* const connection = new (std::nothrow) Connection;
  if (connection == nullptr || smfi_setpriv(context, connection) != MI_SUCCESS) {
    delete connection;
    return SMFIS_REJECT;
  }
  *used_actions = actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS);
  *used_steps = steps & (SMFIP_NOHELO | SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_NODATA |
                         SMFIP_NOEOH | SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_HDR);
  *unused1 = 0;
  *unused2 = 0;
  connection->is_mute_on_connect = (*used_steps & SMFIP_NR_CONN) != 0;
  connection->is_mute_on_mail = (*used_steps & SMFIP_NR_MAIL) != 0;
  connection->is_mute_on_header = (*used_steps & SMFIP_NR_HDR) != 0;
  // Whatever macros the MTA's configuration names, these are needed.
  if ((actions & SMFIF_SETSYMLIST) != 0) {
    smfi_setsymlist(context, SMFIM_ENVFROM, mutable_text("{auth_authen}"));
    smfi_setsymlist(context, SMFIM_ENVRCPT, mutable_text("{rcpt_mailer}"));
  }
  return SMFIS_CONTINUE;
}

sfsistat on_connect(SMFICTX* context, char*, _SOCK_ADDR* address) {
  return guarded(context, [&](Connection& connection) {
    connection.session.connect(address_of(address), is_pretended(address));
    return connection.is_mute_on_connect ? SMFIS_NOREPLY : SMFIS_CONTINUE;
  });
}

sfsistat on_mail(SMFICTX* context, char** arguments) {
  return guarded(context, [&](Connection& connection) {
    auto const* const sender = arguments[0] != nullptr ? arguments[0] : "";
    connection.session.mail(sender, macro(context, "{auth_authen}"));
    return connection.is_mute_on_mail ? SMFIS_NOREPLY : SMFIS_CONTINUE;
  });
}

sfsistat on_recipient(SMFICTX* context, char** arguments) {
  return guarded(context, [&](Connection& connection) {
    auto const* const recipient = arguments[0] != nullptr ? arguments[0] : "";
    return say(context, connection.session.recipient(recipient, macro(context, "{rcpt_mailer}")));
  });
}

sfsistat on_header(SMFICTX* context, char* name, char* value) {
  return guarded(context, [&](Connection& connection) {
    connection.session.header(name, value);
    return connection.is_mute_on_header ? SMFIS_NOREPLY : SMFIS_CONTINUE;
  });
}

std::string nonce() {
  std::string octets(16, '\0');
  // Short requests never block once the machine has booted, and are never cut.
  if (::getrandom(octets.data(), octets.size(), 0) != static_cast<ssize_t>(octets.size()))
    return {};
  return octets;
}

sfsistat on_end_of_message(SMFICTX* context) {
  return guarded(context, [&](Connection& connection) {
    auto const random = nonce();
    if (random.empty()) return sfsistat(SMFIS_TEMPFAIL);
    auto const ending = connection.session.end_of_message(std::chrono::system_clock::now(), random);
    if (ending.reply.kind != Reply::Kind::Continue) return say(context, ending.reply);
    bool is_done = true;
    // From the last one up: deleting one moves those behind it.
    for (auto const& deletion : ending.deletions)
      for (auto copy = deletion.copies; copy > 0; --copy)
        is_done = is_done && smfi_chgheader(context, mutable_text(deletion.name.c_str()),
                                            static_cast<int>(copy), nullptr) == MI_SUCCESS;
    if (!ending.seal.empty())
      is_done = is_done && smfi_addheader(context, mutable_text(seal_header.data()),
                                          mutable_text(ending.seal.c_str())) == MI_SUCCESS;
    return sfsistat(is_done ? SMFIS_CONTINUE : SMFIS_TEMPFAIL);
  });
}

sfsistat on_abort(SMFICTX* context) {
  if (auto* const connection = connection_of(context)) connection->session.abort();
  return SMFIS_CONTINUE;
}

sfsistat on_close(SMFICTX* context) {
  delete connection_of(context);
  smfi_setpriv(context, nullptr);
  return SMFIS_CONTINUE;
}

}  // namespace

void set_service(Shared const& shared, Gate& gate) {
  service() = {&shared, &gate};
}

smfiDesc description() {
  smfiDesc d{};
  d.xxfi_name = mutable_text("mailpool-milter");
  d.xxfi_version = SMFI_VERSION;
  d.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_SETSYMLIST;
  d.xxfi_connect = on_connect;
  d.xxfi_envfrom = on_mail;
  d.xxfi_envrcpt = on_recipient;
  d.xxfi_header = on_header;
  d.xxfi_eom = on_end_of_message;
  d.xxfi_abort = on_abort;
  d.xxfi_close = on_close;
  d.xxfi_negotiate = on_negotiate;
  return d;
}

}  // namespace mailpool::milter
