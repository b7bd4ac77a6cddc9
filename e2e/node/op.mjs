// A real OAuth 2.1 authorization server for the tests: oidc-provider with
// dynamic registration, PKCE, resource indicators, the device flow, rotation of
// refresh tokens, and revocation of the whole grant when a used one comes again.
//
//   PORT          where to listen, on 127.0.0.1
//   RESOURCE      the protected resource that tokens are for
//   TOKEN_SECONDS life of an access token
//   DEVICE        set to offer the device flow
//
// It prints one JSON line per event on stdout, which is how a test counts
// refreshes, sees a revoked grant, and knows what must never be found in clear.
import { Provider } from 'oidc-provider';

const port = Number(process.env.PORT);
const issuer = `http://127.0.0.1:${port}`;
const seconds = Number(process.env.TOKEN_SECONDS || 60);
const scope = 'mcp:basic mcp:write offline_access';

const provider = new Provider(issuer, {
  clients: [],
  scopes: ['openid', 'offline_access', 'mcp:basic', 'mcp:write'],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: {
    AccessToken: seconds, RefreshToken: 3600, DeviceCode: 300, Grant: 3600, Session: 3600,
    Interaction: 600, IdToken: 600, AuthorizationCode: 60,
  },
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    deviceFlow: { enabled: Boolean(process.env.DEVICE) },
    revocation: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => process.env.RESOURCE,
      useGrantedResource: async () => true,
      // Opaque tokens, because a stateless one cannot be introspected here.
      getResourceServerInfo: async (ctx, resource) => ({
        scope, audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: seconds,
      }),
    },
  },
});

const events = [
  'authorization_code.consumed', 'device_code.consumed', 'grant.error', 'grant.revoked', 'grant.success',
  'refresh_token.consumed', 'registration_create.success', 'server_error',
];
for (const event of events) {
  provider.on(event, (...args) => {
    const error = args.find((a) => a instanceof Error);
    const ctx = args.find((a) => a?.oidc);
    const detail = error && (error.error_detail || error.message);
    const params = ctx?.oidc?.params ?? {};
    const secrets = event === 'grant.success'
      ? [params.code, params.code_verifier, params.refresh_token, ctx.body.access_token, ctx.body.refresh_token].filter(Boolean)
      : [];
    console.log(JSON.stringify({ event, grant: params.grant_type, detail, secrets }));
  });
}
// The leash: whoever started this ends it by closing its stdin.
process.stdin.resume().on('end', () => process.exit(0));
provider.listen(port, '127.0.0.1');
