package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Token is who may do what. The token itself is not kept, its hash is.
type Token struct {
	ID      int64    `json:"id"`
	Name    string   `json:"name"`
	Role    string   `json:"role"`    // "read", "submit" or "admin"
	Scopes  []string `json:"scopes"`  // patterns of repositories; none: all
	Expires int64    `json:"expires"` // seconds since 1970; 0 never
	Created int64    `json:"created"`
}

// AddToken notes a token by its hash.
func (t *Tx) AddToken(ctx context.Context, token Token, hash string, now time.Time) error {
	n, err := t.exec(ctx, "insert into token (name, hash, role, scopes, expires, created) values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
		token.Name, hash, token.Role, texts(token.Scopes), token.Expires, now.Unix())
	if err == nil && n == 0 {
		err = fmt.Errorf("there is a token %q already; remove it first", token.Name)
	}
	return err
}

// RemoveToken takes a token away.
func (t *Tx) RemoveToken(ctx context.Context, name string) error {
	n, err := t.exec(ctx, "delete from token where name = $1", name)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// Token finds a token by its hash.
func (s *Store) Token(ctx context.Context, hash string) (token Token, found bool, err error) {
	var scopes string
	found, err = s.one(ctx, "select id, name, role, scopes, expires, created from token where hash = $1", []any{hash},
		[]any{&token.ID, &token.Name, &token.Role, &scopes, &token.Expires, &token.Created})
	if found {
		err = json.Unmarshal([]byte(scopes), &token.Scopes)
	}
	return token, found, err
}

// Tokens lists all tokens.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	list := []Token{}
	rows, err := s.query(ctx, "select id, name, role, scopes, expires, created from token order by name")
	return list, each(rows, err, func() error {
		var token Token
		var scopes string
		if err := rows.Scan(&token.ID, &token.Name, &token.Role, &scopes, &token.Expires, &token.Created); err != nil {
			return err
		}
		list = append(list, token)
		return json.Unmarshal([]byte(scopes), &list[len(list)-1].Scopes)
	})
}

// Note writes into the log of who changed what.
func (t *Tx) Note(ctx context.Context, who, what string, now time.Time) error {
	_, err := t.exec(ctx, "insert into audit (at, who, what) values ($1, $2, $3)", now.Unix(), who, what)
	return err
}

// Noted is a line of that log.
type Noted struct {
	At   int64  `json:"at"`
	Who  string `json:"who"`
	What string `json:"what"`
}

// Audit returns the newest lines of the log, newest first.
func (s *Store) Audit(ctx context.Context, limit int) ([]Noted, error) {
	list := []Noted{}
	rows, err := s.query(ctx, "select at, who, what from audit order by id desc limit $1", limit)
	return list, each(rows, err, func() error {
		var n Noted
		err := rows.Scan(&n.At, &n.Who, &n.What)
		list = append(list, n)
		return err
	})
}
