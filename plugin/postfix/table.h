#pragma once
// One opened table mailpool:PATH: from Postfix's keys to "mailpool:unix:mailpool/d/DOOR" or
// nothing.

#include <limits.h>

#include <cstdint>
#include <string_view>

#include "postfix/address_classes.h"
#include "postfix/key_sequence.h"
#include "postfix/map_file.h"

namespace mailpool::postfix {

class Table {
 public:
  /// `path`: what stands behind "mailpool:" in main.cf. Never fails: a table that cannot work says
  /// why and never answers.
  void open(char const* path);

  /// The answer to one key, valid until the next call; null: not found.
  [[nodiscard]] char const* lookup(char const* key);

 private:
  [[nodiscard]] bool resolve(char const* path, char* resolved, std::size_t size);
  [[nodiscard]] bool prepare_answer(char const* path);
  [[nodiscard]] bool has_backlog_service() const;
  [[nodiscard]] char const* answer_for(std::string_view domain);
  void say_where_the_manager_is(MapFile::Trouble trouble);
  void explain(char const* domain, char const* why) const;

  char const* path_ = "";  // Postfix's copy, as old as the table
  bool is_usable_ = false;
  bool said_away_ = false;
  std::int64_t said_ns_ = INT64_MIN;
  MapFile file_;
  AddressClasses classes_;
  KeySequence keys_;
  char doors_[108] = {};  // "mailpool/d/"; with a door's name it is a socket's path
  char answer_[sizeof "mailpool-backlog:unix:" + sizeof doors_ + map::most_door_octets] = {};
  char backlog_socket_[PATH_MAX] = {};  // "": Postfix is not set up for the service
};

}  // namespace mailpool::postfix
