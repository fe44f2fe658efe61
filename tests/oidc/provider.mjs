// A real OpenID Connect provider for the tests: oidc-provider with its own pages for signing in and consenting.
//
// PUT /_accounts/SUB with JSON says what it knows of an account ({"email": …, "fault": …}); an account that nobody has
// told it of has a verified address. A fault is a way in which the ID token of that account is wrong.

import http from 'node:http';

import { SignJWT, UnsecuredJWT, decodeJwt, exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const port = Number(process.env.PORT);
const issuer = `http://localhost:${port}`;
const client = {
  client_id: process.env.CLIENT_ID,
  client_secret: process.env.CLIENT_SECRET,
  redirect_uris: [process.env.CALLBACK],
};
const accounts = new Map();

async function makeKey(kid) {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
}

const key = await makeKey('first');
const stranger = await makeKey('first'); // the same name, another key

function describe(sub) {
  const known = { email: `${sub}@example.org`, email_verified: true, given_name: 'Dora', family_name: 'Dean' };
  return { ...known, ...accounts.get(sub), sub };
}

const sign = (claims, by = key, header = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: by.kid, ...header }).sign(by);

const FAULTS = {
  'changed claims': (claims, token) => {
    const [header, , signature] = token.split('.');
    return `${header}.${Buffer.from(JSON.stringify({ ...claims, sub: 'alice' })).toString('base64url')}.${signature}`;
  },
  "a stranger's key": (claims) => sign(claims, stranger),
  'an unknown key': (claims) => sign(claims, key, { kid: 'nobody' }),
  'no signature': (claims) => new UnsecuredJWT(claims).encode(),
  'a signature with our secret': (claims) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(client.client_secret)),
  'another nonce': (claims) => sign({ ...claims, nonce: 'another' }),
  'no nonce': ({ nonce, ...claims }) => sign(claims),
  'another audience': (claims) => sign({ ...claims, aud: 'another', azp: client.client_id }),
  'another issuer': (claims) => sign({ ...claims, iss: 'https://another.example' }),
  'a time that is over': (claims) => sign({ ...claims, exp: claims.exp - 86400, iat: claims.iat - 86400 }),
  'another access token': (claims) => sign({ ...claims, at_hash: 'bm90IHRoaXMgb25lIQ' }),
  'an old sign-in': (claims) => sign({ ...claims, auth_time: claims.auth_time - 86400 }),
  'no word of when': ({ auth_time, ...claims }) => sign(claims),
};

const provider = new Provider(issuer, {
  clients: [client],
  jwks: { keys: [key] },
  cookies: { keys: ['a key of the tests'] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name', 'name'] },
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => describe(sub),
  }),
});

provider.use(async (ctx, next) => {
  await next();
  const token = ctx.body?.id_token;
  const fault = token && FAULTS[accounts.get(decodeJwt(token).sub)?.fault];
  if (ctx.path === '/me' && accounts.get(ctx.body.sub)?.fault === "somebody else's claims") {
    ctx.body = { ...ctx.body, sub: 'alice' };
  } else if (fault) {
    ctx.body = { ...ctx.body, id_token: await fault(decodeJwt(token), token) };
  }
});

async function remember(request, response) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  accounts.set(decodeURIComponent(request.url.split('/').at(-1)), JSON.parse(Buffer.concat(parts)));
  response.writeHead(204).end();
}

const answer = provider.callback();
http
  .createServer((request, response) =>
    request.url.startsWith('/_accounts/') ? remember(request, response) : answer(request, response))
  .listen(port, '127.0.0.1');
