#pragma once
// A table that fits its screen: the least important columns go first, then long cells are cut.

#include <cstddef>
#include <string>
#include <vector>

#include "poolctl/screen.h"

namespace mailpool::poolctl {

struct Column {
  std::string title;
  int rank = 0;            ///< 0 is always shown; of the others the highest go first
  bool is_number = false;  ///< to the right
  std::size_t least = 0;   ///< columns that it may be cut down to; 0: never cut
  std::size_t most = 60;   ///< and that it never exceeds
};

struct Cell {
  std::string text;
  Style style = Style::Plain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// One cell per column; the text is printable.
  void add(std::vector<Cell> row);
  [[nodiscard]] bool is_empty() const { return rows_.empty(); }
  /// With a line of titles; no line is wider than the screen, and none ends in blanks. Columns
  /// without a single cell in them are left out.
  [[nodiscard]] std::string text(Screen const& screen) const;

 private:
  struct Shown {
    std::size_t column;
    std::size_t width;
  };
  [[nodiscard]] std::vector<Shown> layout(std::size_t width) const;
  [[nodiscard]] std::size_t natural_width(std::size_t column) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace mailpool::poolctl
