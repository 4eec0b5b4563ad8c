#include "fakemx/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/base/text.h"

namespace mailpool::fakemx {

namespace {

template <std::uint64_t Settings::*member>
bool number(Settings& settings, std::string_view value) {
  auto const n = to_number(value);
  if (n) settings.*member = *n;
  return n.has_value();
}

template <Duration Settings::*member>
bool duration(Settings& settings, std::string_view value) {
  return parse_into(value, settings.*member);
}

bool set_hostname(Settings& settings, std::string_view value) {
  settings.hostname = value;
  return !value.empty() && value.find_first_of(" \r\n") == std::string_view::npos;
}

bool set_extensions(Settings& settings, std::string_view names, bool on) {
  for (auto const name : split(names, ',')) {
    auto const extension = extension_named(trimmed(name));
    if (!extension) return false;
    if (on)
      settings.extensions.add(*extension);
    else
      settings.extensions.remove(*extension);
  }
  return true;
}

bool without(Settings& settings, std::string_view value) {
  return set_extensions(settings, value, false);
}

bool with(Settings& settings, std::string_view value) {
  return set_extensions(settings, value, true);
}

bool set_size(Settings& settings, std::string_view value) {
  auto const size = parse_size(value);
  if (size) settings.max_size = *size;
  return size.has_value();
}

bool set_auth(Settings& settings, std::string_view value) {
  auto const colon = value.find(':');
  settings.user = value.substr(0, colon);
  settings.password = colon == std::string_view::npos ? "" : value.substr(colon + 1);
  return value.empty() || (!settings.user.empty() && !settings.password.empty());
}

bool set_limits(Settings& settings, std::string_view value) {
  settings.mail_max = settings.rcpt_max = 0;
  if (value == "none") return true;
  for (auto const word : split(value, ',')) {
    auto const equals = word.find('=');
    if (equals == std::string_view::npos) return false;
    auto const n = to_number(word.substr(equals + 1));
    if (!n || *n == 0) return false;
    if (ascii_iequal(word.substr(0, equals), "MAILMAX"))
      settings.mail_max = *n;
    else if (ascii_iequal(word.substr(0, equals), "RCPTMAX"))
      settings.rcpt_max = *n;
    else
      return false;
  }
  return true;
}

bool set_messages_end(Settings& settings, std::string_view value) {
  settings.max_messages_end = value == "421" ? MessagesEnd::Code421 : MessagesEnd::Silent;
  return value == "421" || value == "silent";
}

bool set_rate(Settings& settings, std::string_view value) {
  auto const rate = value == "none" ? Rate{} : Rate::parse(value);
  if (rate) settings.rate = *rate;
  return rate.has_value();
}

bool set_rate_measure(Settings& settings, std::string_view value) {
  settings.rate_measure = value == "window" ? RateMeasure::Window : RateMeasure::Bucket;
  return value == "window" || value == "bucket";
}

bool set_per_client(Settings& settings, std::string_view value) {
  settings.per_client = value == "yes";
  return value == "yes" || value == "no";
}

/// "DOMAIN rate=5/s connections=2": repeated, one per domain pattern.
bool add_domain_limit(Settings& settings, std::string_view value) {
  DomainLimit limit;
  for (auto const word : split(value, ' ')) {
    if (word.empty()) continue;
    if (word.starts_with("rate=")) {
      auto const rate = Rate::parse(word.substr(5));
      if (!rate) return false;
      limit.rate = *rate;
    } else if (word.starts_with("connections=")) {
      auto const n = to_number(word.substr(12));
      if (!n || *n == 0) return false;
      limit.max_connections = *n;
    } else if (limit.domain_glob.empty() && word.find('=') == std::string_view::npos) {
      limit.domain_glob = word;
    } else {
      return false;
    }
  }
  if (limit.domain_glob.empty() || (limit.rate.count == 0 && limit.max_connections == 0))
    return false;
  settings.domain_limits.push_back(std::move(limit));
  return true;
}

constexpr SettingRow rows[] = {
    {"hostname", "NAME", "the name in the greeting and in the answer to EHLO", set_hostname},
    {"without", "EXT[,EXT...]",
     "extensions not to announce (and not to accept): PIPELINING CHUNKING 8BITMIME SMTPUTF8 SIZE "
     "ENHANCEDSTATUSCODES STARTTLS LIMITS REQUIRETLS AUTH",
     without},
    {"with", "EXT[,EXT...]", "takes an earlier `without` back", with},
    {"size", "SIZE", "the largest message, announced by SIZE; 0: none", set_size},
    {"limits", "MAILMAX=N,RCPTMAX=N",
     "announced by LIMITS (RFC 9422) and enforced; none: not announced", set_limits},
    {"auth", "USER:PASSWORD", "announces AUTH PLAIN LOGIN and lets this user in (and others too)",
     set_auth},
    {"rtt", "DURATION",
     "simulated round-trip time of each connection: the greeting comes two of them after the "
     "connect, every flight costs one, those of a TLS handshake too",
     duration<&Settings::rtt>},
    {"max-connections", "N",
     "connections open at once; one more is greeted with 421 and counted as a violation; 0: any",
     number<&Settings::max_connections>},
    {"max-messages", "N", "messages per connection; 0: any", number<&Settings::max_messages>},
    {"max-messages-how", "silent|421",
     "silent: FIN behind the reply to the last message, a later MAIL is a violation if the client "
     "had time to see it; 421: the next MAIL is answered 421 and is a violation",
     set_messages_end},
    {"rate", "N/s",
     "messages (MAIL commands) per s, min or h; one more is answered 451 4.7.1 and counted as a "
     "violation; none: any",
     set_rate},
    {"rate-how", "bucket|window",
     "bucket: tokens, one second's worth and one; window: never more than N in any period",
     set_rate_measure},
    {"per-client", "yes|no",
     "max-connections and rate are of each client's address by itself; no: of all together",
     set_per_client},
    {"close-grace", "DURATION",
     "how long after a silent close a MAIL may still come from a client that had not seen it",
     duration<&Settings::close_grace>},
    {"limit", "\"DOMAIN [rate=N/s] [connections=N]\"",
     "limits of each recipient domain that matches the pattern: RCPT beyond them is answered 451 "
     "4.7.1 and counted as a violation; may be repeated",
     add_domain_limit},
};

}  // namespace

std::optional<Extension> extension_named(std::string_view name) {
  for (std::size_t i = 0; i < extension_names.size(); ++i)
    if (ascii_iequal(extension_names[i], name)) return static_cast<Extension>(i);
  return {};
}

std::span<SettingRow const> setting_rows() {
  return rows;
}

Result<void> change(Settings& settings, std::string_view name, std::string_view value) {
  auto const* const row = std::find_if(std::begin(rows), std::end(rows),
                                       [&](SettingRow const& r) { return r.name == name; });
  if (row == std::end(rows)) {
    std::vector<std::string> names;
    for (auto const& r : rows) names.emplace_back(r.name);
    auto const meant = nearest(name, names);
    return failed(fmt::format("there is no setting \"{}\"{}", name,
                              meant.empty() ? "" : fmt::format("; \"{}\" is one", meant)));
  }
  auto changed = settings;
  if (!row->apply(changed, value))
    return failed(fmt::format("\"{}\" is not a value of {}; {} would be", value, name, row->value));
  settings = std::move(changed);
  return {};
}

}  // namespace mailpool::fakemx
