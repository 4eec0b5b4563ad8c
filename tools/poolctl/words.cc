#include "poolctl/words.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

#include "core/base/text.h"

namespace mailpool::poolctl {

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  // Rounded down: 100% only when it is all.
  return fmt::format("{}%", static_cast<std::uint64_t>(100.0 * static_cast<double>(part) /
                                                       static_cast<double>(whole)));
}

std::string octets(std::uint64_t n) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  if (n < 1024) return fmt::format("{} B", n);
  auto value = static_cast<double>(n) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return value < 10 ? fmt::format("{:.1f} {}", value, units[unit])
                    : fmt::format("{:.0f} {}", value, units[unit]);
}

std::string clock_text(control::Moment const& moment) {
  auto const t = std::chrono::system_clock::to_time_t(moment.at);
  std::tm parts{};
  if (localtime_r(&t, &parts) == nullptr) return "?";
  std::array<char, 64> text{};
  auto const n = moment.in < std::chrono::hours(24)
                     ? std::strftime(text.data(), text.size(), "%H:%M:%S", &parts)
                     : std::strftime(text.data(), text.size(), "%e %b %H:%M", &parts);
  return std::string(trimmed({text.data(), n}));
}

std::string moment_text(control::Moment const& moment) {
  return fmt::format("in {} ({})", to_text(moment.in), clock_text(moment));
}

Style style_of_state(std::string_view state) {
  if (state == "open" || state == "running" || state == "good") return Style::Good;
  if (state == "limited" || state == "draining" || state == "starting" || state == "warning")
    return Style::Warning;
  if (state == "idle" || state == "note") return Style::Dim;
  if (state == "busy" || state == "connecting" || state == "checking" || state == "closing")
    return Style::Plain;
  return Style::Bad;
}

std::string state_text(std::string_view state) {
  if (state == "backing_off") return "backing off";
  return state == "no_route" ? "no route" : std::string(state);
}

std::string endpoint_text(std::string_view host, std::string_view address, std::uint16_t port) {
  if (!host.empty() && host != address) return fmt::format("{}[{}]:{}", host, address, port);
  bool const is_v6 = address.find(':') != std::string_view::npos;
  return is_v6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

namespace {

// The option's value, where it is one of the site's.
std::string value_of(control::SiteStatus const& site, std::string_view option) {
  if (option == "rate") return site.rate;
  if (option == "connect_rate") return site.connect_rate;
  if (option == "max_connections") return fmt::format("{}", site.max_connections);
  return {};
}

}  // namespace

std::string waits_for(control::SiteStatus const& site) {
  auto const why = site.reason.empty() ? std::string() : ": " + site.reason;
  if (site.state == "suspended" || site.state == "backing_off") {
    auto const until = site.not_before ? (site.state == "suspended"
                                              ? "until " + clock_text(*site.not_before)
                                              : "next try in " + to_text(site.not_before->in))
                                       : state_text(site.state);
    return until + why;
  }
  if (site.state == "failing") return site.last_error;
  if (!site.blocked_by) return {};
  auto text = state_text(*site.blocked_by);
  if (auto const value = value_of(site, *site.blocked_by); !value.empty()) text += " " + value;
  if (site.not_before) text += ", next in " + to_text(site.not_before->in);
  return text + why;
}

std::string days_text(std::optional<std::uint32_t> days) {
  if (!days) return "";
  return *days == 0 ? "today" : fmt::format("{}d", *days);
}

Style style_of_days(std::optional<std::uint32_t> days) {
  constexpr std::uint32_t soon = 7;
  return days && *days < soon ? Style::Warning : Style::Plain;
}

std::string handshake_words(control::EndpointStatus const& endpoint, std::string const& tls) {
  auto words = tls + (endpoint.tls_resumed ? ", resumed" : ", full handshake");
  if (auto const& days = endpoint.certificate_days)
    words += *days == 0 ? ", certificate ends today"
                        : ", certificate for " + counted(*days, "day", "days");
  return words;
}

std::string held_text(control::SuspensionStatus const& suspension) {
  if (suspension.scope.empty()) return {};
  auto const blank = suspension.scope.find(' ');
  auto const kind = suspension.scope.substr(0, blank);
  return fmt::format("mail from {}{} to ", kind == "sender_domain" ? "sender domain" : kind,
                     blank == std::string::npos ? "" : suspension.scope.substr(blank));
}

std::string reuse_ratio(std::uint64_t opened, std::uint64_t reused) {
  return percent(reused, opened + reused);
}

}  // namespace mailpool::poolctl
