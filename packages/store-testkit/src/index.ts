// `@umap/store-testkit`: Conformance suite and faulty store for authors of UMap stores.
export {}
