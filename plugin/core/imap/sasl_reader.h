#pragma once
// What a client's SASL responses say (RFC 4616, RFC 7628, and Google's XOAUTH2).

#include <optional>
#include <string_view>

#include "core/imap/login_request.h"

namespace mailpool::imap {

/// authzid NUL user NUL password
[[nodiscard]] std::optional<LoginRequest> read_plain(std::string_view message);
/// user=U ^A auth=Bearer T ^A ^A
[[nodiscard]] std::optional<LoginRequest> read_xoauth2(std::string_view message);
/// n,a=U, ^A ... auth=Bearer T ^A ^A
[[nodiscard]] std::optional<LoginRequest> read_oauthbearer(std::string_view message);

}  // namespace mailpool::imap
