// See mapped_region.h: the engine's own regions.
#include "engine/mapped_region.h"

#include <utility>

namespace umap {

namespace {

class EngineRegion final : public MappedRegion {
 public:
  explicit EngineRegion(std::shared_ptr<Region> region) : region_(std::move(region)) {}

  uint8_t* data() const override { return DataOf(*region_); }
  std::shared_ptr<Region> engine_region() const override { return region_; }

  void Prefault(std::vector<ByteRange> ranges, Callback done) override {
    umap::Prefault(region_, std::move(ranges), std::move(done));
  }
  void Flush(ByteRange range, Callback done) override {
    umap::Flush(region_, range, std::move(done));
  }
  void Evict(ByteRange range, Callback done) override {
    umap::Evict(region_, range, std::move(done));
  }
  void Discard(ByteRange range, Callback done) override {
    umap::Discard(region_, range, std::move(done));
  }
  Status Pin(ByteRange range) override { return umap::Pin(region_, range); }
  void Unpin(ByteRange range) override { umap::Unpin(region_, range); }
  RegionStats Stats() override { return StatsOf(*region_); }

  uint64_t Subscribe(EventSink sink) override { return umap::Subscribe(*region_, std::move(sink)); }
  void Unsubscribe(uint64_t subscription) override { umap::Unsubscribe(*region_, subscription); }

  void Close(Callback done) override { umap::Close(region_, std::move(done)); }

 private:
  const std::shared_ptr<Region> region_;
};

}  // namespace

std::shared_ptr<MappedRegion> MappedRegionOf(std::shared_ptr<Region> region) {
  return std::make_shared<EngineRegion>(std::move(region));
}

}  // namespace umap
