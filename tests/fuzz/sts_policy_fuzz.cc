// Texts of MTA-STS policies and of the records that announce them, of any shape.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/tls/reports.h"
#include "core/tls/sts_policy.h"

using namespace mailpool;
using namespace mailpool::tls;

namespace {

void demand(bool truth) {
  if (!truth) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  if (auto const policy = parse_sts_policy(text)) {
    demand(policy->mode == StsMode::None || !policy->mx.empty());
    demand(policy->max_age >= Duration::zero() && policy->max_age <= longest_max_age);
    for (auto const& mx : policy->mx) {
      demand(!mx.empty() && mx.size() <= 255);
      demand(mx.find_first_of(" \t\r\n") == std::string::npos);
      if (mx.front() != '*') demand(lists(*policy, mx));
    }
  }
  if (auto const id = parse_sts_record(text)) demand(!id->empty() && id->size() <= 32);
  auto const counts = read_counts(text);
  demand(read_counts(written(counts)).size() == counts.size());
  return 0;
}
