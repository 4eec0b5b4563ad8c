#include "core/state/store.h"

namespace mailpool::state {
namespace {

struct KindRow {
  Kind kind;
  std::string_view name;
  Duration longest_delay;
  std::size_t most_records;
};

using std::chrono::seconds;

// Counters and what is measured again anyway may be late; what somebody decided may not.
constexpr std::array rows{
    KindRow{Kind::Suspension, "suspension", seconds(0), 10'000},
    KindRow{Kind::Adaptive, "adaptive", seconds(1), 100'000},
    KindRow{Kind::LearnedCap, "learned_cap", seconds(1), 100'000},
    KindRow{Kind::Counter, "counter", seconds(2), 100'000},
    KindRow{Kind::TlsMemory, "tls_memory", seconds(1), 100'000},
    KindRow{Kind::StsPolicy, "sts_policy", seconds(1), 10'000},
    KindRow{Kind::TlsReport, "tls_report", seconds(2), 20'000},
    KindRow{Kind::WarmUp, "warm_up", seconds(1), 100'000},
    KindRow{Kind::ImapCapabilities, "imap_capabilities", seconds(1), 10'000},
    KindRow{Kind::RateUse, "rate_use", seconds(2), 100'000},
    KindRow{Kind::AcceptUse, "accept_use", seconds(2), 100'000},
};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (static_cast<std::size_t>(rows[i].kind) != i || kinds[i] != rows[i].kind) return false;
  return rows.size() == kinds.size();
}
static_assert(rows_are_in_order(), "a kind is the index of its row");

constexpr KindRow const& row_of(Kind kind) {
  return rows[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string_view name_of(Kind kind) {
  return row_of(kind).name;
}

std::optional<Kind> kind_of(std::string_view name) {
  for (auto const& row : rows)
    if (row.name == name) return row.kind;
  return std::nullopt;
}

Duration longest_delay(Kind kind) {
  return row_of(kind).longest_delay;
}

std::size_t most_records(Kind kind) {
  return row_of(kind).most_records;
}

}  // namespace mailpool::state
