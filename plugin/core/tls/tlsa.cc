#include "core/tls/tlsa.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/sha256.h"

namespace mailpool::tls {
namespace {

constexpr std::uint8_t trust_anchor = 2;
constexpr std::uint8_t end_entity = 3;
constexpr std::size_t longest_data = 16'384;

bool has_right_size(TlsaRecord const& record) {
  switch (record.matching) {
    case 0:  // the certificate or key itself: a DER sequence
      return !record.data.empty() && record.data.size() <= longest_data &&
             record.data.front() == '\x30';
    case 1:
      return record.data.size() == 32;
    case 2:
      return record.data.size() == 64;
    default:
      return false;
  }
}

}  // namespace

bool is_usable(TlsaRecord const& record) {
  return (record.usage == trust_anchor || record.usage == end_entity) && record.selector <= 1 &&
         has_right_size(record);
}

std::vector<TlsaRecord> usable(std::vector<TlsaRecord> records) {
  records.erase(std::remove_if(records.begin(), records.end(),
                               [](TlsaRecord const& r) { return !is_usable(r); }),
                records.end());
  std::sort(records.begin(), records.end());
  records.erase(std::unique(records.begin(), records.end()), records.end());
  return records;
}

std::string digest_of(std::vector<TlsaRecord> const& records) {
  if (records.empty()) return {};
  std::string all;
  for (auto const& r : records) {
    all += fmt::format("{} {} {} {}:", r.usage, r.selector, r.matching, r.data.size());
    all += r.data;
  }
  return sha256_hex(all, 32);
}

std::string summary_of(TlsaRecord const& record) {
  return fmt::format("{} {} {}", record.usage, record.selector, record.matching);
}

std::string_view name_of(TlsaState state) {
  switch (state) {
    case TlsaState::NotAsked:
      return "not asked";
    case TlsaState::None:
      return "none";
    case TlsaState::Usable:
      return "usable";
    case TlsaState::Unusable:
      return "unusable";
    case TlsaState::Bogus:
      return "bogus";
    case TlsaState::Failed:
      return "failed";
  }
  return "";
}

}  // namespace mailpool::tls
