// The fake's credentials, as `client.module` of a store: no environment variable is needed.
export const clientConfig = {
  credentials: { accessKeyId: 'AKIAFAKEFAKEFAKE', secretAccessKey: 'fake-secret-do-not-show' },
}
