// Rules of classes and a reply, of any octets: nothing breaks, and an echo never changes the class.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/replies/load_rules.h"

using namespace mailpool::replies;

// Up to the first NUL a file of rules; then an octet that says the stage; the rest is a reply.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const all(reinterpret_cast<char const*>(data), size);
  auto const end = all.find('\0');
  auto loaded = load_rules(all.substr(0, end), "f");
  for (auto const& mistake : loaded.mistakes)
    if (mistake.to_line().empty()) std::abort();
  Classifier const classifier(std::move(loaded.rules));
  if (end == std::string_view::npos || end + 2 > all.size()) return 0;
  auto const stage = static_cast<Stage>(static_cast<std::uint8_t>(all[end + 1]) % 9U);
  auto const reply = std::string(all.substr(end + 2, 400));
  auto const said = said_of(stage, reply);
  if (said.text.size() > 512 || said.code.size() > 3) std::abort();
  if (without_echoes(said.text).size() > said.text.size()) std::abort();
  (void)classifier.classify(said);
  return 0;
}
