// A server's store as a folder that is only read, so that an image of it opens as one of this host
// does: manifests and tables come over HTTP, or from the cache; groups only from the cache, where a
// Fetcher puts them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/files.hpp"
#include "store/remote/connection.hpp"
#include "store/remote/pack_cache.hpp"
#include "store/remote/remote_name.hpp"

namespace orrery::store::remote {

// One thread. All is done before a sandbox.
class RemoteFiles final : public Files {
 public:
  // The references outlive it.
  RemoteFiles(const RemoteName& name, const StoreServer& server, const Interrupt& interrupt,
              const Times& times, PackCache& cache)
      : path_(name.server()),
        key_(server.address.name + "-"),
        cache_(cache),
        connection_(server, interrupt, times) {}

  const std::string& path() const override { return path_; }
  Result<std::unique_ptr<StoredFile>> open(const std::string& name) override;

  // A pack that was opened.
  std::shared_ptr<CachedPack> cached(const Digest& id) const { return packs_.at(id); }
  // Of an image's files in the cache.
  std::string key(const std::string& image) const { return key_ + image; }
  std::uint64_t received() const { return connection_.received(); }

  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<std::unique_ptr<NewFile>> create(const std::string& name) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& name) override;
  Result<> make_folder(const std::string& name) override;
  Result<> sync_folder(const std::string& name) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& name, Lock kind, Wait wait) override;

 private:
  Result<std::unique_ptr<StoredFile>> open_manifest(const std::string& image);
  Result<std::unique_ptr<StoredFile>> open_pack(const Digest& id);
  Result<bool> fetch_table(const Digest& id, CachedPack& pack);
  Result<http::Answer> get(const Ask& ask);
  Error only_read() const;

  const std::string path_;
  const std::string key_;
  PackCache& cache_;
  Connection connection_;
  std::map<Digest, std::shared_ptr<CachedPack>> packs_;
};

}  // namespace orrery::store::remote
