#include "core/route/router.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/route/no_route.h"
#include "core/route/route_cache.h"
#include "core/route/search.h"
#include "core/route/site_directory.h"

namespace mailpool::route {
namespace {

constexpr std::size_t most_domains_known = 131'072;  ///< some 0.5 to 1.5 KiB each
constexpr std::size_t most_searches =
    10'000;  ///< each holds up to 21 questions; the resolver ends them all in time

Salt salt_from(Random& random) {
  auto const high = static_cast<Salt>(random.number(UINT32_MAX));
  return high << 32U | random.number(UINT32_MAX);
}

}  // namespace

/// The cache and the searches under way.
class Router::Book final : public SearchEvents {
 public:
  Book(Settings const& settings, Resolver& resolver, Random& random, StsSource* sts)
      : resolver_(resolver), sts_(sts), random_(random), salt_(salt_from(random)) {
    use(settings);
  }

  std::unique_ptr<Question> find(std::string const& domain, RouteListener& listener, TimePoint now);
  void reconfigure(Settings const& settings);
  void set_own_addresses(std::vector<IpAddress> own);
  [[nodiscard]] std::size_t cached() const { return cache_.size(); }
  [[nodiscard]] RouteCache const& cache() const { return cache_; }

 private:
  void use(Settings const& settings);
  void forget_all();
  void on_found(Search& search) override;
  [[nodiscard]] Surroundings around() {
    return {settings_, &*sites_, &own_, &resolver_, sts_, salt_};
  }

  struct Entry {
    std::unique_ptr<Search> search;
    std::uint64_t generation;
  };

  Settings const* settings_ = nullptr;
  std::optional<SiteDirectory> sites_;
  std::vector<IpAddress> own_;
  Resolver& resolver_;
  StsSource* sts_;
  Random& random_;
  Salt const salt_;
  std::uint64_t generation_ = 0;  ///< of settings and own addresses
  RouteCache cache_{most_domains_known};
  std::unordered_map<std::string, Entry> searches_;
};

std::unique_ptr<Question> Router::Book::find(std::string const& domain, RouteListener& listener,
                                             TimePoint now) {
  if (auto const* known = cache_.find(domain, now)) {
    tell(*known, listener, random_);
    return nullptr;
  }
  if (auto const under_way = searches_.find(domain); under_way != searches_.end())
    return std::make_unique<Waiter>(*under_way->second.search, listener);
  if (searches_.size() >= most_searches) {
    listener.on_no_route(no_route::too_many_questions(domain));
    return nullptr;
  }
  auto& entry = searches_[domain];
  entry = {std::make_unique<Search>(domain, now, *this), generation_};
  auto waiter = std::make_unique<Waiter>(*entry.search, listener);
  entry.search->start(around());  // may answer the waiter, and its listener may destroy this book
  if (waiter->is_answered()) return nullptr;
  return waiter;
}

void Router::Book::on_found(Search& search) {
  auto const place = searches_.find(search.domain());
  if (place->second.generation != generation_) {
    place->second.generation = generation_;
    return search.start(around());
  }
  // From here on the search is nobody's but ours: a listener may ask for the same domain, or
  // destroy this book.
  auto const finished = std::move(place->second.search);
  searches_.erase(place);
  auto known = finished->take_known();
  auto& random = random_;
  cache_.insert(finished->domain(), known);
  finished->answer(known, random);
}

// Searches under way notice by their generation, when they end, that they have to begin anew.
void Router::Book::forget_all() {
  ++generation_;
  cache_.clear();
}

void Router::Book::use(Settings const& settings) {
  settings_ = &settings;
  sites_.emplace(settings);
}

void Router::Book::reconfigure(Settings const& settings) {
  use(settings);
  forget_all();
}

void Router::Book::set_own_addresses(std::vector<IpAddress> own) {
  if (own == own_) return;
  own_ = std::move(own);
  forget_all();
}

Router::Router(Settings const& settings, Resolver& resolver, Random& random, StsSource* sts)
    : book_(std::make_unique<Book>(settings, resolver, random, sts)) {}
Router::~Router() = default;

std::unique_ptr<Question> Router::find(std::string const& domain, RouteListener& listener,
                                       TimePoint now) {
  return book_->find(domain, listener, now);
}

void Router::reconfigure(Settings const& settings) {
  book_->reconfigure(settings);
}
void Router::set_own_addresses(std::vector<IpAddress> own) {
  book_->set_own_addresses(std::move(own));
}
std::optional<TimePoint> Router::expires(std::string const& domain, TimePoint now) const {
  auto const* const known = book_->cache().peek(domain, now);
  return known == nullptr ? std::nullopt : std::optional(known->expires);
}
std::size_t Router::cached() const {
  return book_->cached();
}

}  // namespace mailpool::route
