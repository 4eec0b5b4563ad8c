#pragma once
// The name of a site that nobody named: made of its hosts alone, so that all domains with the same
// MX hosts share it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool::route {

/// Longest host name shown in a site's name; a longer one is cut in front.
inline constexpr std::size_t longest_shown_host = 64;

/// What names one host of a site: "mx.example.com", "192.0.2.1", "ipv6.2001-db8--1", "localhost.",
/// and with another port than 25 "192.0.2.1+2525". Never without a dot or
/// '+', so never the name of a named site or a door, which have neither.
[[nodiscard]] std::string host_label(std::string_view host, std::uint16_t port = 25);

/// One host: its label. Several: the shortest label (the first of them by alphabet), the number of
/// the others, and 64 bits of a digest of the whole set: "aspmx.l.google.com+4-8c21d6cb9b9d4a3e".
/// Order and repetition do not matter. At most 90 of [a-z0-9.+-].
[[nodiscard]] std::string automatic_site_name(std::vector<std::string> labels);

}  // namespace mailpool::route
