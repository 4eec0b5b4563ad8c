// Feeds seals and key files: nothing but a whole seal of ours opens, and what was sealed opens for
// its sender.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/message/tenant_seal.h"

using namespace mailpool;

namespace {

WallTime const now{std::chrono::seconds(1'763'714'563)};

SealKeys const& keys() {
  static SealKeys const ours = *SealKeys::parse("0123456789abcdef0123456789abcdef");
  return ours;
}

void check_round_trip(std::string_view sender) {
  for (Sealed const& what : {Sealed{"shop", ""}, Sealed{"shop", "spring"}, Sealed{"", "spring"}}) {
    auto const sealed = make_seal(what, sender, now, "12345678", keys());
    auto const opened = open_seal(sealed, sender, now, keys());
    if (opened ? *opened != what : sender.size() <= 1024) std::abort();
  }
}

void check_key_file(std::string_view file) {
  auto const parsed = SealKeys::parse(file);
  if (!parsed ? parsed.error().reason.empty() : parsed->all().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input(reinterpret_cast<char const*>(data), size);
  // The key is not in the corpus: what the fuzzer makes up must never open.
  static SealKeys const unknown = *SealKeys::parse("an entirely different key, never in an input");
  if (open_seal(input, "a@shop.test", now, unknown)) std::abort();
  static_cast<void>(open_seal(input, "a@shop.test", now, keys()));
  check_round_trip(input);
  check_key_file(input);
  return 0;
}
