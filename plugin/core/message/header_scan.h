#pragma once
// What the header section of a passing message tells: loops, UTF-8, the id under which the MTA
// knows it, and whether it shall go without TLS if need be.

#include <cstddef>
#include <string>
#include <string_view>

namespace mailpool {

/// Fed with content whose line ends are all CRLF, in any pieces; bounded whatever the header holds.
class HeaderScan {
 public:
  /// Without `wants_id` queue_id() stays empty: the MTA told it already.
  explicit HeaderScan(bool wants_id = true) : wants_id_(wants_id) {}
  /// Reads on until the header section is over.
  void feed(std::string_view octets);
  /// The content is complete.
  void finish();

  [[nodiscard]] bool is_over() const { return over_; }
  /// The newest (topmost) Received field was read whole, or there is none: queue_id() will not
  /// change.
  [[nodiscard]] bool knows_newest() const { return knows_newest_; }
  /// The id of the newest Received field: "with ESMTP id 4ED10A9055E;" or "id 4AL5k2Wd012345".
  /// Empty where none is given.
  [[nodiscard]] std::string const& queue_id() const { return queue_id_; }
  [[nodiscard]] std::size_t received_fields() const { return received_fields_; }
  [[nodiscard]] bool has_eight_bit() const { return has_eight_bit_; }
  /// "TLS-Required: No" (RFC 8689 3), in any case, folded and with comments. The field may stand
  /// once: twice, or with another value, it says nothing. Ask when it is over.
  [[nodiscard]] bool tls_required_no() const;

 private:
  void take_line(std::string_view line);
  void end_newest();
  void take_tls_required(std::string_view value);

  bool wants_id_;
  std::string begun_;   ///< the beginning of a line whose end has not come
  std::string newest_;  ///< the newest Received field as far as it was read
  std::string queue_id_;
  std::string tls_required_;  ///< the value of the TLS-Required field
  std::size_t received_fields_ = 0;
  std::size_t tls_required_fields_ = 0;
  bool in_newest_ = false;
  bool in_tls_required_ = false;
  bool knows_newest_ = false;
  bool has_eight_bit_ = false;
  bool over_ = false;
};

/// Whether it can stand for a message in log lines: 1 to 64 letters, digits, dots, hyphens and
/// underscores.
[[nodiscard]] bool is_queue_id(std::string_view id);

}  // namespace mailpool
