#pragma once
// Takes the header fields that tell a message's tenant and campaign out of a passing message, every
// copy of them, and keeps what they said.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/text.h"
#include "core/message/message.h"
#include "core/message/tenant_seal.h"

namespace mailpool {

/// Who takes what is left.
class FilteredSink {
 public:
  virtual ~FilteredSink() = default;
  virtual void on_kept(std::string_view octets) = 0;
};

/// Fed with content whose line ends are all CRLF, in any pieces; bounded whatever the header holds.
/// Fields are found in any case, folded, and with blanks before the colon (RFC 5322 4.5); the
/// header section ends at the first empty line. What is kept is handed on as it came, without a
/// copy except for the beginning of a line that a piece ends in.
class HeaderFilter {
 public:
  /// `campaign`: a header that names campaigns beside X-Mailpool-Campaign, in any case; must
  /// outlive the filter.
  explicit HeaderFilter(std::string_view campaign)
      : campaign_(ascii_iequal(campaign, campaign_header) ? std::string_view() : campaign) {}

  void feed(std::string_view octets, FilteredSink& sink);
  /// The content is complete; what was held back of an unfinished line is handed on.
  void finish(FilteredSink& sink);
  /// What the fields said, unfolded, without blanks around it; the first few copies of each.
  [[nodiscard]] TenantMarks take_marks() { return std::move(marks_); }

 private:
  enum class Place : std::uint8_t { LineStart, KeptLine, RemovedLine, Body };
  enum class Line : std::uint8_t { Unclear, Kept, Folded, Tenant, Campaign, Seal, Empty };

  [[nodiscard]] Line judge(std::string_view beginning) const;
  [[nodiscard]] static bool is_ours(Line line);
  /// True: decided, and what was held back is dealt with.
  bool begin_line(std::string_view& octets, FilteredSink& sink);
  void enter(Line line);
  void end_value();
  void add_to_value(std::string_view octets);

  std::string_view campaign_;  ///< "": X-Mailpool-Campaign alone
  Place place_ = Place::LineStart;
  std::string held_;   ///< the beginning of a line that may be one of the fields
  std::string value_;  ///< of the field that is being removed
  Line field_ = Line::Kept;
  TenantMarks marks_;
};

}  // namespace mailpool
