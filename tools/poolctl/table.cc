#include "poolctl/table.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace mailpool::poolctl {
namespace {

constexpr std::size_t gap = 2;

std::string padded(std::string text, std::size_t width, bool is_number) {
  auto const columns = columns_of(text);
  if (columns >= width) return text;
  return is_number ? std::string(width - columns, ' ') + text
                   : text + std::string(width - columns, ' ');
}

}  // namespace

void Table::add(std::vector<Cell> row) {
  assert(row.size() == columns_.size() && "a cell for each column");
  rows_.push_back(std::move(row));
}

// 0 for a column in which nothing stands.
std::size_t Table::natural_width(std::size_t column) const {
  std::size_t width = 0;
  for (auto const& row : rows_) width = std::max(width, columns_of(row[column].text));
  if (width == 0) return 0;
  auto const& c = columns_[column];
  return std::max(std::min(width, c.most), columns_of(c.title));
}

std::vector<Table::Shown> Table::layout(std::size_t width) const {
  std::vector<Shown> shown;
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (auto const natural = natural_width(i); natural != 0) shown.push_back({i, natural});
  auto least = [&](Shown const& s) {
    auto const& c = columns_[s.column];
    return c.least == 0 ? s.width : std::min(s.width, std::max(c.least, columns_of(c.title)));
  };
  auto sum = [&](auto&& of) {
    return std::accumulate(shown.begin(), shown.end(), gap * (shown.empty() ? 0 : shown.size() - 1),
                           [&](std::size_t n, Shown const& s) { return n + of(s); });
  };
  while (sum(least) > width) {
    auto const last =
        std::max_element(shown.begin(), shown.end(), [&](auto const& a, auto const& b) {
          return columns_[a.column].rank < columns_[b.column].rank;
        });
    if (last == shown.end() || columns_[last->column].rank == 0) break;
    shown.erase(last);
  }
  // What is still too wide is cut, the widest first.
  auto total = sum([](Shown const& s) { return s.width; });
  while (total > width) {
    auto const widest = std::max_element(
        shown.begin(), shown.end(),
        [&](auto const& a, auto const& b) { return a.width - least(a) < b.width - least(b); });
    auto const room = widest->width - least(*widest);
    if (room == 0) break;
    auto const taken = std::min(room, total - width);
    widest->width -= taken;
    total -= taken;
  }
  // Even the least may be too much, on a screen of forty columns.
  for (; total > width; --total) {
    auto const widest = std::max_element(
        shown.begin(), shown.end(), [](auto const& a, auto const& b) { return a.width < b.width; });
    if (widest->width <= 1) break;
    --widest->width;
  }
  return shown;
}

std::string Table::text(Screen const& screen) const {
  auto const shown = layout(screen.width);
  std::string out;
  auto write = [&](auto&& cell_of) {
    std::string line;
    std::size_t pending = 0;  // blanks that only count if something follows
    for (auto const& [column, width] : shown) {
      Cell const cell = cell_of(column);
      auto const text = cut(cell.text, width);
      auto const cells = padded(text, width, columns_[column].is_number);
      auto const blanks_after =
          columns_[column].is_number ? 0 : width - std::min(width, columns_of(text));
      line += std::string(text.empty() ? 0 : pending, ' ');
      if (text.empty()) {
        pending += width + gap;
        continue;
      }
      line += screen.styled(cell.style, cells.substr(0, cells.size() - blanks_after));
      pending = blanks_after + gap;
    }
    out += line + "\n";
  };
  write([&](std::size_t column) { return Cell{columns_[column].title, Style::Bold}; });
  for (auto const& row : rows_) write([&](std::size_t column) { return row[column]; });
  return out;
}

}  // namespace mailpool::poolctl
