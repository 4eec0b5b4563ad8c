#pragma once
// A sendmail.cf, as far as mailpool cares: its mailers, its queue groups, its options, and who is
// sent where (Sendmail Installation and Operation Guide, section 5).

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mailpool::poolctl {

/// A line of equates: M (a mailer) or Q (a queue group), by the letter before each "=".
using Equates = std::map<char, std::string>;

struct SendmailConfig {
  std::map<std::string, Equates, std::less<>> mailers;
  std::map<std::string, Equates, std::less<>> queue_groups;
  std::map<std::string, std::string, std::less<>> options;  ///< "O NAME=VALUE"
  std::map<std::string, bool, std::less<>> is_used;         ///< mailers named by a rule ("$# NAME")

  /// The option's value, or `otherwise`.
  [[nodiscard]] std::string option(std::string_view name, std::string_view otherwise) const;
  /// The group a mailer's mail waits in.
  [[nodiscard]] std::string queue_group_of(Equates const& mailer) const;
};

/// Lines that it does not know are passed over; Sendmail itself judges them.
[[nodiscard]] SendmailConfig read_sendmail_cf(std::string_view text);

/// "30m", "1h", "10": in seconds; Sendmail's default unit here is minutes. Nothing if it is none.
[[nodiscard]] std::optional<long> sendmail_seconds(std::string_view interval);

/// The socket of a mailer whose argument vector is "FILE PATH"; "" for others.
[[nodiscard]] std::string socket_of(Equates const& mailer);

}  // namespace mailpool::poolctl
