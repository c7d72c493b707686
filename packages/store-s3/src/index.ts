// `@umap/store-s3`: A UMap store in S3 objects.
export {}
