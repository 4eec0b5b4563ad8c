#include "poolctl/reply_classes.h"

#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <map>
#include <ostream>

#include "core/base/text.h"

namespace mailpool::poolctl {
namespace {

using replies::Classifier;

// More octets in one line are no row.
constexpr std::size_t longest_row = 1U << 16U;

std::string place_of(Classifier::Answer const& answer) {
  return answer.by == nullptr ? std::string("-")
                              : fmt::format("{}:{}", answer.by->file, answer.by->line);
}

std::vector<std::string_view> cells_of(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return split(line, '\t');
}

class ReplyTable {
 public:
  // False, with a reason, where the header lacks a column.
  bool read_header(std::string_view header, std::string& why_not) {
    std::size_t number = 0;
    for (auto name : cells_of(header)) columns_[std::string(name)] = number++;
    for (auto const* wanted : {"stage", "code", "text"})
      if (!columns_.contains(wanted)) {
        why_not = fmt::format("its first line names no column {}", wanted);
        return false;
      }
    return true;
  }

  // Nothing, with a reason, where the row is no reply.
  std::optional<replies::Said> row(std::string_view line, std::string& why_not) const {
    auto const cells = cells_of(line);
    auto const cell = [&](char const* name) {
      auto const column = columns_.find(name);
      return column == columns_.end() || column->second >= cells.size() ? std::string_view()
                                                                        : cells[column->second];
    };
    auto const stage =
        cell("stage").empty() ? replies::Stage::Any : replies::stage_named(cell("stage"));
    if (!stage) {
      why_not = fmt::format("there is no stage {}", printable(cell("stage"), 32));
      return std::nullopt;
    }
    if (cell("code").size() != 3 || !to_number(cell("code"))) {
      why_not = fmt::format("{} is no code of a reply", printable(cell("code"), 32));
      return std::nullopt;
    }
    auto said = replies::said_of(*stage, cell("code"), cell("enhanced"), cell("text"));
    said.site = std::string(cell("site"));
    return said;
  }

 private:
  std::map<std::string, std::size_t> columns_;
};

}  // namespace

nlohmann::ordered_json json_of(Classifier::Answer const& answer) {
  auto const& row = replies::row_of(answer.is);
  nlohmann::ordered_json json{{"class", row.name},
                              {"when", replies::name_of(row.hope)},
                              {"whose", replies::name_of(row.fault)},
                              {"advice", row.advice}};
  json["by"] = nullptr;
  if (answer.by != nullptr) json["by"] = place_of(answer);
  return json;
}

std::string line_of(Classifier::Answer const& answer) {
  auto const& row = replies::row_of(answer.is);
  return fmt::format("class: {} ({}): {}\n", row.name,
                     answer.by == nullptr ? "no line of replies.toml" : place_of(answer),
                     row.advice);
}

int classify_table(Context& context, Classifier const& classifier, std::string const& file) {
  std::ifstream opened;
  if (file != "-") opened.open(file);
  auto& input = file == "-" ? std::cin : static_cast<std::istream&>(opened);
  ReplyTable table;
  std::string line;
  std::string why_not;
  if (!std::getline(input, line) || !table.read_header(line, why_not)) {
    context.err << fmt::format("{}: {}\n", file,
                               why_not.empty() ? "cannot be read, or is empty" : why_not);
    return Exit::Refused;
  }
  auto all = nlohmann::ordered_json::array();
  for (unsigned number = 2; std::getline(input, line); ++number) {
    if (line.empty() || line == "\r") continue;
    auto const said = line.size() > longest_row ? std::nullopt : table.row(line, why_not);
    if (!said) {
      context.err << fmt::format("{}:{}: {}\n", file, number,
                                 line.size() > longest_row ? "too long" : why_not);
      return Exit::Refused;
    }
    auto const answer = classifier.classify(*said);
    if (context.json)
      all.push_back(json_of(answer));
    else
      context.out << replies::name_of(answer.is) << '\t' << place_of(answer) << '\n';
  }
  if (context.json) context.out << all.dump(2) << '\n';
  return Exit::Done;
}

}  // namespace mailpool::poolctl
