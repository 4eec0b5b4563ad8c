#pragma once
// What `postfix enable` remembers, so that `postfix disable` can put back what was there.
//
// postconf keeps comments, but joins a value's continuation lines; so the two files are kept as
// they were before and as they were left. Where a file is still as it was left, it comes back octet
// for octet; where it was edited since, only the parameters that enable touched are put back. All
// is kept in mailpool.undo/ in Postfix's configuration directory, which belongs to root as the
// files do.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace mailpool::poolctl {

/// One parameter that enable touched.
struct TouchedParameter {
  std::string name;
  std::optional<std::string> before;  // nothing: main.cf did not say
  std::string after;
};

struct UndoRecord {
  std::string mode;  // "table" or "simple"
  std::vector<TouchedParameter> parameters;
  std::vector<std::string> services;  // that enable added: "mailpool/unix"
};

class PostfixUndo {
 public:
  explicit PostfixUndo(std::string config_directory);

  [[nodiscard]] std::optional<UndoRecord> read() const;
  [[nodiscard]] std::string const& place() const { return place_; }

  /// Before the first change: copies of both files.
  [[nodiscard]] Result<void> keep_before() const;
  /// Before a later one: the copy of a file that was edited meanwhile is of no use any more.
  void drop_outdated_copies() const;
  /// Whether the file lacks its last line end; postconf would glue what it appends to that line.
  [[nodiscard]] bool lacks_line_end(std::string const& file) const;
  [[nodiscard]] Result<void> add_line_end(std::string const& file) const;
  /// After the last: how the files were left, and the record.
  [[nodiscard]] Result<void> keep_after(UndoRecord const& record) const;

  /// "main.cf" or "master.cf": whether it is still as enable left it.
  [[nodiscard]] bool is_untouched(std::string const& file) const;
  /// Puts the file back as it was before, with the owner and mode that it has now.
  [[nodiscard]] Result<void> restore(std::string const& file) const;
  void forget() const;

 private:
  std::string directory_;
  std::string place_;
};

}  // namespace mailpool::poolctl
