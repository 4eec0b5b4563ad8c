#pragma once
// The reuse key: the wire identity of a connection. Two users share a connection only if every
// field is equal.
//
// What a message requires of a connection (how TLS was verified, SMTPUTF8, SIZE) is no part of it:
// that is a predicate on what the connection achieved, checked before each MAIL. So a new field
// belongs here only if it changes what is on the wire before MAIL.

#include <compare>
#include <cstdint>
#include <string>

#include "core/base/ip.h"

namespace mailpool::pool {

enum class Protocol : std::uint8_t { Smtp, Imap };
enum class WireTls : std::uint8_t { None, StartTls, Implicit };

struct Credential {
  std::string mechanism;
  std::string user;
  std::string sender_domain;  ///< where logins are per sender domain
  std::uint64_t version = 0;  ///< grows when the secret changes
  auto operator<=>(Credential const&) const = default;
};

struct ReuseKey {
  std::string mx_host;  ///< the name that was connected to, lower case
  IpAddress address;    ///< with its IPv6 scope id
  IpAddress source;     ///< local address; 0.0.0.0: chosen by the kernel
  std::string ehlo_name;
  Credential credential;
  std::string client_certificate;  ///< digest of certificate, chain and key; "": none is shown
  std::string tls_settings;        ///< digest of minimum version, ciphers, SNI, authorities
  std::uint16_t port = 0;
  Protocol protocol = Protocol::Smtp;
  WireTls tls = WireTls::None;
  bool tls_required_no = false;  ///< made for a message with "TLS-Required: No" (RFC 8689)

  auto operator<=>(ReuseKey const&) const = default;
};

}  // namespace mailpool::pool
