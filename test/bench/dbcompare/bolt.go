package main

import (
	"encoding/json"
	"os"

	bolt "go.etcd.io/bbolt"
)

// Two layouts on bbolt. Nested has the shape of Trivy's database: a bucket for
// each ecosystem and release, in it one for each package, in that a key for each
// advisory with a JSON value; and a bucket of vulnerabilities. Flat saves the
// innermost buckets: a key for each package, all its advisories in one value.
// The shapes are theirs, the code and the names of the JSON fields are not.
type boltStore struct {
	db     *bolt.DB
	nested bool
}

const vulnerabilityBucket = "vulnerability" // no ecosystem is called so

func writeFlat(path string, f *facts) error   { return writeBolt(path, f, false) }
func writeNested(path string, f *facts) error { return writeBolt(path, f, true) }
func openFlat(path string) (store, error)     { return openBolt(path, false) }
func openNested(path string) (store, error)   { return openBolt(path, true) }

func writeBolt(path string, f *facts, nested bool) error {
	loose := path + ".loose"
	db, err := bolt.Open(loose, 0o600, nil)
	if err != nil {
		return err
	}
	defer os.Remove(loose)
	defer db.Close()
	if err := db.Update(func(tx *bolt.Tx) error { return fillBolt(tx, f, nested) }); err != nil {
		return err
	}
	// bbolt grows its file in big steps: the copy has the pages in use only.
	return db.View(func(tx *bolt.Tx) error { return tx.CopyFile(path, 0o600) })
}

// fillBolt writes in the order of the keys, and so can fill the pages.
func fillBolt(tx *bolt.Tx, f *facts, nested bool) error {
	for _, p := range f.packages {
		b, err := tx.CreateBucketIfNotExists([]byte(p.ecosystem))
		if err != nil {
			return err
		}
		b.FillPercent = 1
		if !nested {
			if err := putJSON(b, p.name, p.advisories); err != nil {
				return err
			}
			continue
		}
		if b, err = b.CreateBucket([]byte(p.name)); err != nil {
			return err
		}
		b.FillPercent = 1
		for list := p.advisories; len(list) > 0; {
			n := 1 // statements of one id share a key
			for n < len(list) && list[n].ID == list[0].ID {
				n++
			}
			if err := putJSON(b, list[0].ID, list[:n]); err != nil {
				return err
			}
			list = list[n:]
		}
	}
	b, err := tx.CreateBucket([]byte(vulnerabilityBucket))
	if err != nil {
		return err
	}
	b.FillPercent = 1
	for _, v := range f.vulnerabilities {
		id := v.ID
		v.ID = "" // the key says it
		if err := putJSON(b, id, v); err != nil {
			return err
		}
	}
	return nil
}

func putJSON(b *bolt.Bucket, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), text)
}

func openBolt(path string, nested bool) (store, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	return &boltStore{db, nested}, err
}

func (s *boltStore) Close() error { return s.db.Close() }

func (s *boltStore) lookup(ecosystem, name string) (list []advisory, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(ecosystem))
		if b == nil {
			return nil
		}
		if !s.nested {
			if text := b.Get([]byte(name)); text != nil {
				return json.Unmarshal(text, &list)
			}
			return nil
		}
		if b = b.Bucket([]byte(name)); b == nil {
			return nil
		}
		return b.ForEach(func(_, text []byte) error {
			var some []advisory
			err := json.Unmarshal(text, &some)
			list = append(list, some...)
			return err
		})
	})
	return list, err
}
