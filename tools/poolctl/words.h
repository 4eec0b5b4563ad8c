#pragma once
// Numbers, times and states in the words of operators.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/control/snapshot.h"
#include "poolctl/screen.h"

namespace mailpool::poolctl {

/// "1 site", "2 sites".
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view one, std::string_view many);
/// "97%"; "-" where there is nothing to divide.
[[nodiscard]] std::string percent(std::uint64_t part, std::uint64_t whole);
/// "1.2 MiB".
[[nodiscard]] std::string octets(std::uint64_t n);
/// Local time: "14:30:05" within a day, else "24 Nov 14:30".
[[nodiscard]] std::string clock_text(control::Moment const& moment);
/// "in 42s (14:30:05)".
[[nodiscard]] std::string moment_text(control::Moment const& moment);
[[nodiscard]] Style style_of_state(std::string_view state);
/// "backing off" for backing_off, "no route" for no_route.
[[nodiscard]] std::string state_text(std::string_view state);
/// "mx1.example.org[192.0.2.1]:25".
[[nodiscard]] std::string endpoint_text(std::string_view host, std::string_view address,
                                        std::uint16_t port);
/// What a site waits for, in words: "rate 100/s, next in 2s"; "" when nothing waits.
[[nodiscard]] std::string waits_for(control::SiteStatus const& site);
/// How long a certificate lasts: "84d", "today", or "" where there is none.
[[nodiscard]] std::string days_text(std::optional<std::uint32_t> days);
/// Worth a look when it ends within a week.
[[nodiscard]] Style style_of_days(std::optional<std::uint32_t> days);
/// What a connection there is protected by, with the rest: "TLSv1.3 ... verified by DANE-EE,
/// resumed, certificate for 84 days".
[[nodiscard]] std::string handshake_words(control::EndpointStatus const& endpoint,
                                          std::string const& tls);
/// "mail from source west to " where a suspension is of a part of a site's mail; else "".
[[nodiscard]] std::string held_text(control::SuspensionStatus const& suspension);
/// The reused part of all transactions.
[[nodiscard]] std::string reuse_ratio(std::uint64_t opened, std::uint64_t reused);

}  // namespace mailpool::poolctl
