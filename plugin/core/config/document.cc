#include "core/config/document.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>

#include "core/base/text.h"
#include "core/config/key_depth.h"
#include "core/config/place.h"

namespace mailpool {
namespace {

unsigned line_of(toml::source_region const& region, std::size_t file) {
  return line_at(file, std::max<unsigned>(1, region.begin.line));
}

Node node_from(toml::node const& source, std::size_t file);

void fill(Node& node, toml::table const& table, std::size_t file) {
  node.kind = Node::Kind::Table;
  for (auto const& [key, value] : table)
    node.entries.push_back(
        {std::string(key.str()), line_of(key.source(), file), node_from(value, file)});
  std::stable_sort(node.entries.begin(), node.entries.end(),
                   [](auto const& a, auto const& b) { return a.line < b.line; });
}

void fill(Node& node, toml::array const& array, std::size_t file) {
  node.kind = Node::Kind::List;
  for (auto const& item : array) node.items.push_back(node_from(item, file));
}

Node node_from(toml::node const& source, std::size_t file) {
  Node node;
  node.line = line_of(source.source(), file);
  if (auto const* table = source.as_table()) {
    fill(node, *table, file);
  } else if (auto const* array = source.as_array()) {
    fill(node, *array, file);
  } else if (auto const* text = source.as_string()) {
    node.kind = Node::Kind::Text;
    node.text = text->get();
  } else if (auto const* whole = source.as_integer()) {
    node.kind = Node::Kind::Whole;
    node.whole = whole->get();
    node.text = fmt::format("{}", node.whole);
  } else if (auto const* fraction = source.as_floating_point()) {
    node.kind = Node::Kind::Fraction;
    node.text = fmt::format("{}", fraction->get());
  } else if (auto const* truth = source.as_boolean()) {
    node.kind = Node::Kind::YesNo;
    node.yes = truth->get();
    node.text = node.yes ? "true" : "false";
  } else {
    node.kind = Node::Kind::Date;
    node.text = "a date";
  }
  return node;
}

// "Error while parsing key-value pair: expected value, saw '\n'" begins with what the line number
// says already.
std::string without_preamble(std::string_view description) {
  static constexpr std::string_view preamble = "Error while parsing ";
  if (description.substr(0, preamble.size()) == preamble)
    description.remove_prefix(preamble.size());
  return printable(description, 256);
}

// A section that is begun again is an error in the line of the second header: says where the first
// one stands.
std::string first_of_two(std::string_view text, unsigned line) {
  auto const lines = split(text, '\n');
  if (line > lines.size()) return {};
  auto const header = trimmed(lines[line - 1]);
  if (!header.starts_with('[')) return {};
  for (unsigned i = 0; i + 1 < line; ++i)
    if (trimmed(lines[i]).substr(0, header.find(']') + 1) == header.substr(0, header.find(']') + 1))
      return fmt::format("; it begins in line {}: put these options there", i + 1);
  return {};
}

}  // namespace

Node::Entry const* Node::find(std::string_view key) const {
  for (auto const& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

std::string_view words_for(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::Text:
      return "a string";
    case Node::Kind::Whole:
      return "a number";
    case Node::Kind::Fraction:
      return "a fraction";
    case Node::Kind::YesNo:
      return "true or false";
    case Node::Kind::Date:
      return "a date";
    case Node::Kind::List:
      return "a list";
    case Node::Kind::Table:
      return "a section";
  }
  return "";
}

tl::expected<Node, SyntaxError> parse_document(std::string_view text, std::size_t file) {
  if (auto const line = line_of_too_deep_key(text))
    return tl::make_unexpected(
        SyntaxError{line_at(file, *line),
                    fmt::format("a key has more than {} parts; names with dots stand in quotes",
                                most_parts_of_a_key)});
  try {
    auto const table = toml::parse(text);
    Node root;
    fill(root, table, file);
    return root;
  } catch (toml::parse_error const& error) {
    auto const line = std::max<unsigned>(1, error.source().begin.line);
    return tl::make_unexpected(SyntaxError{
        line_at(file, line),
        "not TOML: " + without_preamble(error.description()) + first_of_two(text, line)});
  }
}

}  // namespace mailpool
