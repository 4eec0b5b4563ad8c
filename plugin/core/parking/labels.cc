#include "core/parking/labels.h"

#include <limits>

namespace mailpool::parking {

Labels::Number Labels::take(std::string_view word) {
  if (word.empty()) return none;
  auto known = numbers_.find(word);
  if (known == numbers_.end()) {
    if (free_.empty()) {
      if (labels_.size() > std::numeric_limits<Number>::max()) return none;
      free_.push_back(static_cast<Number>(labels_.size()));
      labels_.emplace_back();
    }
    auto const number = free_.back();
    free_.pop_back();
    labels_[number].word = word;
    known = numbers_.emplace(word, number).first;
  }
  ++labels_[known->second].held;
  return known->second;
}

void Labels::give_back(Number number) {
  if (number == none) return;
  auto& label = labels_[number];
  if (--label.held != 0) return;
  numbers_.erase(numbers_.find(label.word));
  label.word = {};
  free_.push_back(number);
}

std::string_view Labels::word_of(Number number) const {
  return labels_[number].word;
}

std::size_t Labels::held(std::string_view word) const {
  auto const known = numbers_.find(word);
  return known == numbers_.end() ? 0 : labels_[known->second].held;
}

}  // namespace mailpool::parking
