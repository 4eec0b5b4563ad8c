#pragma once
// What came of it.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/plan.h"

namespace mailpool::load {

/// One message from MAIL to its last reply.
struct Sample {
  std::uint64_t domain = 0;
  Duration latency{};  ///< from the first octet of MAIL written
  Duration delay{};    ///< from the time it was due
};

class Report {
 public:
  /// `phase`: connect, hello, mail, rcpt, data, end, rset.
  void reply(std::string_view phase, int code) { ++replies_[std::string(phase)][code]; }
  void finished(Sample const& sample, std::uint64_t delivered, std::uint64_t not_delivered);
  void lost() { ++lost_; }  ///< no final reply
  void connection_opened() { ++connections_; }
  void connection_failed(std::string_view why) { ++failures_[std::string(why)]; }

  [[nodiscard]] std::string to_json(Plan const& plan, Duration elapsed) const;

 private:
  std::map<std::string, std::map<int, std::uint64_t>> replies_;
  std::map<std::string, std::uint64_t> failures_;
  std::vector<Sample> samples_;
  std::uint64_t connections_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t not_delivered_ = 0;
  std::uint64_t complete_ = 0;  ///< messages delivered to all their recipients
  std::uint64_t lost_ = 0;
};

}  // namespace mailpool::load
