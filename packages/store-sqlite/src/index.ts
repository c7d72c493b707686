// `@umap/store-sqlite`: A UMap store in an SQLite database.
export {}
