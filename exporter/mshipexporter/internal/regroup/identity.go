package regroup

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

// identity is what makes two containers equal, written so that different ones
// never have the same: every text has its length before it, every value its
// type. Attributes count in their order, doubles bit by bit: what is only nearly
// equal stays apart.
type identity []byte

func (k identity) number(n uint64) identity { return binary.AppendUvarint(k, n) }

func (k identity) text(s string) identity { return append(k.number(uint64(len(s))), s...) }

func (k identity) flag(b bool) identity {
	if b {
		return append(k, 1)
	}
	return append(k, 0)
}

func (k identity) attributes(m pcommon.Map) identity {
	k = k.number(uint64(m.Len()))
	for key, v := range m.All() {
		k = k.text(key).value(v)
	}
	return k
}

func (k identity) value(v pcommon.Value) identity {
	k = append(k, byte(v.Type()))
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return k.text(v.Str())
	case pcommon.ValueTypeInt:
		return k.number(uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return k.number(math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		return k.flag(v.Bool())
	case pcommon.ValueTypeMap:
		return k.attributes(v.Map())
	case pcommon.ValueTypeSlice:
		k = k.number(uint64(v.Slice().Len()))
		for _, element := range v.Slice().All() {
			k = k.value(element)
		}
		return k
	case pcommon.ValueTypeBytes:
		return append(k.number(uint64(v.Bytes().Len())), v.Bytes().AsRaw()...)
	case pcommon.ValueTypeEmpty:
	}
	return k
}

func (k identity) resource(r pcommon.Resource, schema string) identity {
	k = k.text(schema).number(uint64(r.DroppedAttributesCount())).attributes(r.Attributes())
	for _, ref := range entity.ResourceEntityRefs(r).All() {
		k = k.text(ref.Type()).text(ref.SchemaUrl()).texts(ref.IdKeys()).texts(ref.DescriptionKeys())
	}
	return k
}

func (k identity) texts(all pcommon.StringSlice) identity {
	k = k.number(uint64(all.Len()))
	for _, s := range all.All() {
		k = k.text(s)
	}
	return k
}

func (k identity) scope(s pcommon.InstrumentationScope, schema string) identity {
	return k.text(schema).text(s.Name()).text(s.Version()).number(uint64(s.DroppedAttributesCount())).attributes(s.Attributes())
}
