// Any bytes as the map file; then the same bytes with right checksums, so that the tables behind
// them are reached too.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/map/reader.h"
#include "core/map/writer.h"

using namespace mailpool::map;

namespace {

void ask(Reader const& reader, std::string_view octets) {
  auto const own = octets.substr(octets.size() / 2);
  for (auto domain : {std::string_view("gmail.com"), std::string_view("a"), own}) {
    FoldedDomain const folded(domain);
    for (bool is_here : {true, false}) {
      auto const decision = decide(reader, is_here, folded.view());
      auto const door = decision.door.view();
      bool const is_bucket = door.size() == 4 && door[0] == 'h';
      if (decision.is_found() && !is_door_name(door) && !is_bucket) std::abort();
      if (decision.is_found() && folded.length == 0) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const octets(reinterpret_cast<char const*>(data), size);
  Header header{};
  if (read_header(octets, header) == HeaderFault::None) {
    Reader reader;
    (void)reader.open(header, std::string_view(octets).substr(sizeof(Header)));
    (void)presence_of(header, 1);
    ask(reader, octets);
  }
  Reader sealed;
  (void)sealed.open(header_for(octets, 1, State::Open, 0), octets);
  ask(sealed, octets);
  return 0;
}
