#pragma once
// Reads one section of the file by the table of options, and keeps every mistake.

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/document.h"
#include "core/config/load.h"
#include "core/config/options.h"
#include "core/config/quotes.h"

namespace mailpool {

/// Sections without a name of their own.
inline constexpr std::array plain_sections{
    Section::Lmtp,        Section::Control, Section::Postfix, Section::Dns,     Section::Smtp,
    Section::Tls,         Section::MtaSts,  Section::Log,     Section::Metrics, Section::Total,
    Section::ImapDynamic, Section::Milter,  Section::Events};

/// Every option that may stand in a section: in a site's, those of [smtp] too.
[[nodiscard]] std::vector<Option const*> known_in(Section section);

/// The keys of each of these maps.
template <class... Named>
[[nodiscard]] std::vector<std::string> names_of(Named const&... named) {
  std::vector<std::string> names;
  auto add = [&](auto const& one) {
    for (auto const& entry : one) names.push_back(entry.first);
  };
  (add(named), ...);
  return names;
}
/// What would be right where no [KIND.NAME] has the name that is used: the one that was meant, or
/// such a section (`or_else`: ", or ...").
[[nodiscard]] std::string nearest_section(std::string_view kind, std::string_view name,
                                          std::vector<std::string> const& names,
                                          std::string_view or_else = {});

/// The keys of one section that hold no usable value: what is compared between options leaves them
/// out.
using Misread = std::set<std::string, std::less<>>;
/// Names that have one place in the file, and the line it is in.
using Names = std::map<std::string, unsigned>;

class SectionReader {
 public:
  /// The names are for messages, in the order of the files' numbers (place.h); at least one.
  explicit SectionReader(std::vector<std::string> file_names) : files_(std::move(file_names)) {}

  /// Puts the section's values into `part`. `title` is "[smtp]", or "" before the first section.
  Misread read(Node const& table, std::string const& title, Part part,
               std::vector<Option const*> const& known);
  /// Whether it is a section; if not, that is a mistake, and `right` would be right.
  bool is_table(Node::Entry const& entry, std::string const& right);
  /// Whether the name was not seen before; if it was, that is a mistake, which names the first
  /// line.
  bool is_first(Names& seen, std::string const& name, unsigned line, std::string const& where);
  /// A section that does not exist.
  void unknown_section(Node::Entry const& entry);
  void complain(unsigned line, std::string what, std::string right);

  /// The name of the file that a line is in.
  [[nodiscard]] std::string const& file_of(unsigned line) const;

  /// By file and line. At most a thousand, and one that says there are more.
  [[nodiscard]] std::vector<Mistake> take_mistakes();

 private:
  void unknown_key(Node::Entry const& entry, std::string const& title,
                   std::vector<Option const*> const& known);

  std::vector<std::string> files_;
  std::vector<Mistake> mistakes_;
};

/// The names in brackets: "lmtp", "site", "route", ...
[[nodiscard]] std::vector<std::string> section_names();

}  // namespace mailpool
