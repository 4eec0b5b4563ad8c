#pragma once
// What Postfix's service showq says of its queue, in the attribute protocol (NAME NUL VALUE NUL; an
// empty name ends an entry, one more the list), as a stream: an entry's attributes, then those of
// each of its recipients. Names that are not known are passed over, so that versions may add some.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/parking/register.h"

namespace mailpool::parking {

/// One recipient of a message that waits.
struct QueuedRecipient {
  std::string_view queue;  ///< "deferred", "active", "hold" ...
  std::string_view queue_id;
  std::int64_t arrived = 0;  ///< seconds of the epoch
  std::string_view sender;
  std::string_view recipient;
  std::string_view reason;  ///< why it was deferred; "" where it was not tried
};

class QueueListReader {
 public:
  using Visitor = std::function<void(QueuedRecipient const&)>;
  explicit QueueListReader(Visitor visitor) : visitor_(std::move(visitor)) {}

  /// False: this is no list of a queue; nothing more is read.
  bool feed(std::string_view octets);
  /// Both ends were seen: that of the last entry and that of the list.
  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  bool take(std::string_view token);
  void take_attribute(std::string_view value);

  Visitor visitor_;
  std::string token_;
  std::string name_;
  bool has_name_ = false;
  bool is_in_entry_ = false;
  bool has_greeted_ = false;
  bool is_over_ = false;
  bool is_broken_ = false;
  std::string queue_, queue_id_, sender_, recipient_;
  std::int64_t arrived_ = 0;
};

/// Why a message was told to wait, by the text that Postfix keeps of it. Nothing: mailpool did not
/// tell it.
[[nodiscard]] std::optional<Why> why_told(std::string_view reason);
/// The same of a reply of mailpool itself, "451 4.7.1 google: rate reached (20/min), ...".
[[nodiscard]] Why why_said(std::string_view reply);

}  // namespace mailpool::parking
